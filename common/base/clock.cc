// SPDX-License-Identifier: Apache-2.0
#include "common/base/clock.h"

#include <cstdio>
#include <ctime>

namespace tributary {

TimePoint SystemClock::now() const {
  using namespace std::chrono;
  return {duration_cast<Milliseconds>(steady_clock::now().time_since_epoch()).count()};
}

std::int64_t SystemClock::wall_ms() const {
  using namespace std::chrono;
  return duration_cast<Milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string format_utc(std::int64_t wall_ms) {
  const std::time_t seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(wall_ms % 1000));
  return text;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Clock: time as a port, so that engines and tests decide what time it is. Implementations are
// thread-safe. Deadlines use the steady reading; only logs and records for people use the wall
// reading.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace tributary {

using Milliseconds = std::chrono::milliseconds;

// Milliseconds since an arbitrary start; never goes back; not comparable between processes or
// restarts.
struct TimePoint {
  std::int64_t ms = 0;

  auto operator<=>(const TimePoint&) const = default;
  TimePoint operator+(Milliseconds d) const { return {ms + d.count()}; }
  Milliseconds operator-(TimePoint other) const { return Milliseconds(ms - other.ms); }
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  virtual std::int64_t wall_ms() const = 0;  // milliseconds since 1970-01-01T00:00:00Z
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override;
  std::int64_t wall_ms() const override;
};

// Moved by hand. For tests and simulation.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return {ms_.load()}; }
  std::int64_t wall_ms() const override { return 1'700'000'000'000 + ms_.load(); }
  void advance(Milliseconds d) { ms_ += d.count(); }

 private:
  std::atomic<std::int64_t> ms_{0};
};

// "2026-11-24T10:15:02.114Z"
std::string format_utc(std::int64_t wall_ms);

}  // namespace tributary

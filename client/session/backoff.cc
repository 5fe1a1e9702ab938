// SPDX-License-Identifier: Apache-2.0
#include "client/session/backoff.h"

#include <algorithm>

#include "common/base/limits.h"

namespace tributary::session {

Milliseconds Backoff::next() {
  // 2^7 times the first wait is beyond the cap, so counting further would change nothing.
  const std::int64_t wait =
      std::min(limits::kRedialFirstMs << std::min(failures_, 7), limits::kRedialMs);
  ++failures_;
  const auto half = static_cast<std::uint64_t>(wait / 2);
  return Milliseconds(wait / 2 + static_cast<std::int64_t>(random_.uniform_below(half + 1)));
}

Milliseconds Backoff::spread(std::int64_t most_ms) {
  const auto most =
      static_cast<std::uint64_t>(std::clamp<std::int64_t>(most_ms, 0, limits::kRetryAfterMs));
  return next() + Milliseconds(random_.uniform_below(most + 1));
}

Milliseconds Backoff::after(std::int64_t retry_after_ms) const {
  return Milliseconds(std::clamp(retry_after_ms, limits::kRedialFirstMs, limits::kRetryAfterMs));
}

}  // namespace tributary::session

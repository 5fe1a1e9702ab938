// SPDX-License-Identifier: Apache-2.0
// Backoff: waits between dials. Doubles from kRedialFirstMs to kRedialMs, each wait drawn from its
// upper half; longer where the coordinator said so, so that the sites of a federation do not come
// back all at once. Owned by Session, one thread. It keeps no time itself.
#pragma once

#include "common/base/clock.h"
#include "common/base/random_source.h"

namespace tributary::session {

class Backoff {
 public:
  explicit Backoff(RandomSource& random) : random_(random) {}

  // The wait before the next dial; the one after that is twice as long.
  Milliseconds next();
  // After a link that broke, perhaps with those of all other sites: the same, and a random part of
  // `most_ms` more.
  Milliseconds spread(std::int64_t most_ms);
  // A coordinator that says "come back in retry_after_ms" gets just that: it is this site's turn,
  // and the coordinator spreads the turns.
  Milliseconds after(std::int64_t retry_after_ms) const;
  void reset() { failures_ = 0; }

 private:
  RandomSource& random_;
  int failures_ = 0;
};

}  // namespace tributary::session

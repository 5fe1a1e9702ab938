// SPDX-License-Identifier: Apache-2.0
// Two sums from the same model, or of the same round of a job, over sets that differ by few sites
// tell what those few gave: what a site has given to earlier sums decides whether it agrees to the
// next one. Plain values and functions, any thread; who keeps the past keeps it durably.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/domain/task.h"
#include "common/privacy/secagg/abort_reason.h"

namespace tributary {

// A sum to which this site gave its input.
struct PastSum {
  TaskKey key;                    // job, round and kind
  Digest model;                   // that the members trained from, or judged
  std::vector<SiteName> sharing;  // who might have been in it; in order
  std::size_t adversaries = 0;    // among its members
  std::size_t quorum = 0;         // agreements that it takes
  // Who is, as this site has signed; none: it never learned, and the sum may be known or not.
  std::optional<std::vector<SiteName>> survivors;
  bool operator==(const PastSum&) const = default;
};

// A site agrees to no more different sets on one model: of three that differ by enough in pairs,
// and more, single ones could follow all the same. And gives its input no more often.
inline constexpr std::size_t kSetsOnAModelMax = 2;
inline constexpr std::size_t kSumsOnAModelMax = 64;

// Whether a sum tells of the same updates as another one may.
bool is_again(const PastSum& one, const PastSum& other);

// Why this site must not agree to `next`, whose survivors are known, after `past`. `least`: sites
// by which sums on one model have to differ if they differ at all.
std::optional<SumAborted> fault_of_rerun(const std::vector<PastSum>& past, const PastSum& next,
                                         std::size_t least);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// SharingGraph: who shares secrets with whom in a secure sum. Everybody with everybody, or a ring
// in an order that nobody chose, where each is the neighbour of the `degree` nearest (a Harary
// graph; Bell et al. 2020). Immutable, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/privacy/secagg/abort_reason.h"
#include "common/privacy/secagg/member_set.h"
#include "common/privacy/secagg/sharing_plan.h"

namespace tributary {

class SharingGraph {
 public:
  // The order of the ring follows from the roster, which takes all members to make.
  SharingGraph(std::size_t members, const SharingPlan& plan, const Digest& roster);

  const SharingPlan& plan() const { return plan_; }
  // In the order of their numbers; a share for the i-th of them lies at the point i + 1.
  std::vector<std::size_t> neighbours(std::size_t member) const;
  // Those of them that are in `set`.
  std::vector<std::size_t> neighbours(std::size_t member, const MemberSet& set) const;

  // Why a sum over these survivors must not be shown: they are too few, some have too few living
  // neighbours, or a part of the ring is so empty that a lying server may have cut somebody off.
  std::optional<SumAborted> fault_of(const MemberSet& survivors, const CohortRisks& risks,
                                     std::size_t least) const;

 private:
  std::optional<std::size_t> emptiest_window(const MemberSet& survivors, std::size_t least) const;

  SharingPlan plan_;
  std::vector<std::size_t> ring_;      // members in their order; empty: complete
  std::vector<std::size_t> position_;  // of each member in it
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// The end of a secure sum as arithmetic: of the shares that the survivors revealed, the secrets,
// and of these the masks that come off. A plain value and a pure function, any thread: where a
// share is wrong it takes long, seconds among hundreds of sites.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "common/privacy/secagg/masks.h"
#include "common/privacy/secagg/member_set.h"
#include "common/privacy/secagg/shamir.h"
#include "common/privacy/secagg/sum_session.h"

namespace tributary {

struct SumRecovery {
  SumSession session;
  MemberSet sharing, survivors;               // U2, U3
  std::map<std::size_t, Digest> commitments;  // to the secret of its own mask, of each survivor
  // By whose secret it is a share of: of its own mask's where it survives, of its mask key's where
  // not. As many as the threshold at least, of each member that shared.
  std::map<std::size_t, std::vector<Share>> revealed;
};

struct RecoveredMasks {
  std::vector<Mask> numbers, wide;  // to apply to the sum of the inputs
  struct Liar {
    std::size_t member = 0;
    std::size_t about = 0;  // whose secret its share is no part of
  };
  std::vector<Liar> liars;
  std::string fault;  // why there is no sum; empty: there is one
};

RecoveredMasks recover_masks(const SumRecovery& recovery);

}  // namespace tributary

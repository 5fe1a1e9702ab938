// SPDX-License-Identifier: Apache-2.0
// SumSnapshot: what a SumServer has to know to go on with its sum after a crash, from when it is
// certain whose inputs are in it. A plain value, any thread. It holds public keys, certificates,
// commitments and signatures, and no share of a secret in the clear: those are told again.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "common/domain/secure_sum.h"

namespace tributary {

struct SumSnapshot {
  std::vector<SumMember> roster;
  std::string issuers;                        // PEM
  SumBitmap sharing;                          // U2
  SumBitmap survivors;                        // U3: exactly these inputs are in the kept sum
  std::map<std::size_t, Digest> commitments;  // by member, of those that shared
  std::map<std::size_t, Digest> inputs;       // the masked ones, by survivor
  // A quorum over U2 and U3; none: not all have been asked.
  std::vector<SumAgreements::One> agreements;
  bool operator==(const SumSnapshot&) const = default;
};

}  // namespace tributary

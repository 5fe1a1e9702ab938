// SPDX-License-Identifier: Apache-2.0
// What a secure sum is about, and the digests that bind everything in it to that: keys, masks and
// signatures of one sum are of no use in another, nor where members were told different things.
// Plain values and functions, any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/domain/secure_sum.h"
#include "common/domain/task.h"
#include "common/privacy/secagg/member_set.h"
#include "common/privacy/secagg/sharing_plan.h"

namespace tributary {

struct SumContext {
  TaskKey key;                // job, round, attempt
  Digest document;            // of the job's file
  Digest model;               // that the members trained from
  std::uint64_t numbers = 0;  // of each input, modulo 2^bits
  std::uint64_t wide = 0;     // of each input, modulo 2^64
  unsigned bits = 32;
  CohortRisks risks;
  double clip = 0.0;  // of the round, where the sites' noise hides a site in the sum; else 0
  bool operator==(const SumContext&) const = default;
};

// SHA-256 over all of it, a clip only where there is one.
Digest digest_of(const SumContext& context);

// What signatures are for (Signer's purposes).
inline constexpr std::string_view kSumKeysPurpose = "keys of a secure sum";
inline constexpr std::string_view kSumSurvivorsPurpose = "survivors of a secure sum";
// What a member signs of its own keys; `about` is the context's digest.
Bytes keys_statement(const Digest& about, const SumMember& member);
// What a survivor signs: once in a sum.
Bytes survivors_statement(const Digest& session, const MemberSet& sharing,
                          const MemberSet& survivors);

Digest roster_digest(const std::vector<SumMember>& roster);
Digest session_id(const Digest& about, const Digest& roster);

}  // namespace tributary

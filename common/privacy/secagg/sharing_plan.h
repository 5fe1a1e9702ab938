// SPDX-License-Identifier: Apache-2.0
// Who shares secrets with how many others, and how many of those can put them together: degree and
// threshold of the graph of secure aggregation, after Bell et al. 2020 (SecAgg+). Plain functions,
// any thread. Both sides compute it, from the same numbers.
#pragma once

#include <cstdint>

#include "common/base/result.h"

namespace tributary {

// What may go wrong without a secret being told, or a round lost, but by a chance of 2^-40 and
// 2^-20.
struct CohortRisks {
  double adversarial = 0.10;  // of the clients work with the server
  double dropout = 0.20;      // of the clients go away during the round
  // The server may tell clients different things; otherwise it is only curious.
  bool server_may_lie = true;

  bool operator==(const CohortRisks&) const = default;
};

struct SharingPlan {
  std::uint32_t degree = 0;     // neighbours of each client; even, or all others
  std::uint32_t threshold = 0;  // shares that give a secret back
  bool complete = false;        // each client is everybody's neighbour

  bool operator==(const SharingPlan&) const = default;
};

// To as many clients the graph is complete.
inline constexpr std::uint32_t kCompleteGraphMax = 128;

// kInvalidArgument: fewer than 3 clients, shares that are none. kFailedPrecondition: so many may
// lie and go away that no threshold holds against both.
Result<SharingPlan> plan_sharing(std::uint32_t clients, const CohortRisks& risks);
// The sparse graph at any size, which plan_sharing takes above kCompleteGraphMax.
Result<SharingPlan> plan_sparse_sharing(std::uint32_t clients, const CohortRisks& risks);

// What each honest client takes for granted: of so many clients at most this many work with the
// server, and a sum is shown over at least so many of them, and over `least`.
std::uint32_t adversaries_of(std::uint32_t clients, const CohortRisks& risks);
std::uint32_t fewest_survivors(std::uint32_t clients, const CohortRisks& risks,
                               std::uint32_t least);

// How many of `drawn` clients work with the server at most, but by a chance of 2^-41 over all
// clients.
std::uint32_t adversaries_among(std::uint32_t clients, const CohortRisks& risks,
                                std::uint32_t drawn);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// How much a late update counts (Xie et al. 2019, "Asynchronous Federated Optimization", section
// 5.2). Pure functions, any thread.
#pragma once

#include <cstdint>

#include "common/domain/round_policy.h"

namespace tributary {

// 1 to kFullShare for an update folded `rounds` rounds after the one it was made for.
std::uint32_t staleness_share(const StalenessPolicy& policy, std::uint32_t rounds);

}  // namespace tributary

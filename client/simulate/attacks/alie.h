// SPDX-License-Identifier: Apache-2.0
// How far ALIE goes. A plain function, any thread.
#pragma once

#include <cstddef>

namespace tributary {

// The largest z for which enough honest sites are expected beyond mean - z * deviation that they
// and the attackers are a majority: z = quantile((n - m - s) / (n - m)) of the normal distribution,
// s = floor(n / 2 + 1) - m (Baruch et al. 2019, algorithm 3). Never negative; where the attackers
// are a majority already, as if they lacked one.
double alie_z(std::size_t sites, std::size_t attackers);

}  // namespace tributary

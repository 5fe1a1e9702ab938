// SPDX-License-Identifier: Apache-2.0
// What the noise of many is worth together: each of `honest` parties adds discrete Gaussian noise
// to its own part of a sum, and nobody sees a part (Kairouz, Liu, Steinke 2021, arXiv 2102.06387,
// theorem 1 and proposition 14). The sum of discrete Gaussians is none, but so near to one that
// what it hides costs, at every order a of Renyi, at most a / (2 z^2) with
//   1 / z = sensitivity / (sqrt(honest) sigma) + sqrt(values) tau,
//   tau = 10 sum_{k=1}^{honest-1} exp(-2 pi^2 sigma^2 k / (k + 1)).
// So whoever counts Gaussian noise of the multiplier z counts this noise too. Everything is in
// steps of the grid. More noise than that of the honest ones only adds to it. Plain functions, any
// thread.
#pragma once

#include <cstdint>

#include "common/base/result.h"

namespace tributary {

// The bound on the distance from one Gaussian is proved from here on.
inline constexpr double kSigmaOfEachMin = 0.5;

// tau, from above; 0 for one party. `sigma` in steps, from kSigmaOfEachMin on.
double distance_from_one_gaussian(double sigma, std::uint64_t honest);

// The z that so much noise has, for a sum of so many values whose part of one party has an L2 norm
// of at most `sensitivity`. All above 0.
double multiplier_of_all(double sigma, double sensitivity, std::uint64_t honest,
                         std::uint64_t values);

// The least standard deviation of each party's noise at which all together have the multiplier
// `z`, to a part in 10^12 and never below. kInvalidArgument: something is not above 0.
Result<double> sigma_of_each(double z, double sensitivity, std::uint64_t honest,
                             std::uint64_t values);

}  // namespace tributary

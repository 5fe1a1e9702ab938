// SPDX-License-Identifier: Apache-2.0
// Renyi divergences of a Gaussian mechanism on a sample of the units, one application. `z`:
// standard deviation / how far one unit moves the sum; `rate` in (0, 1). Any thread.
#pragma once

#include <span>
#include <vector>

namespace tributary {

// Poisson samples, one unit more or less; orders > 1. Mironov, Talwar, Zhang 2019 (arXiv
// 1908.10530): section 3.3, whose series for fractions alternates in sign.
double poisson_rdp(double rate, double z, double order);

// Samples of a fixed size, one unit another; orders > 1. Wang, Balle, Kasiviswanathan 2019 (arXiv
// 1808.00087), theorem 27: whole orders; between them (order - 1) * rdp, which is convex, is
// bounded by the line. One call for all orders shares what is costly.
std::vector<double> fixed_size_rdp(double rate, double z, std::span<const double> orders);

}  // namespace tributary

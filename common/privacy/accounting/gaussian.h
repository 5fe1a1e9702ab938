// SPDX-License-Identifier: Apache-2.0
// The Gaussian mechanism without sampling, exactly: Balle and Wang 2018 (arXiv 1805.06530), and
// Dong, Roth, Su 2022 for compositions. `mu` = sensitivity / standard deviation; mechanisms compose
// to the root of the sum of their squares. Any thread.
#pragma once

namespace tributary {

// The least delta for which it is (epsilon, delta)-private.
double gaussian_delta(double mu, double epsilon);
// The least epsilon, to 1e-12; `delta` in (0, 1).
double gaussian_epsilon(double mu, double delta);

}  // namespace tributary

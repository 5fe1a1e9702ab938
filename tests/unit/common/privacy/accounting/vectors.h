// SPDX-License-Identifier: Apache-2.0
// Published settings and what others say they cost.
#pragma once

#include "common/privacy/accounting/dp_event.h"

namespace tributary {

inline DpEvent poisson(double rate, double noise, std::uint64_t steps) {
  return {DpMechanism::kGaussian, DpSampling::kPoisson, rate, noise, steps};
}
inline DpEvent everything(double noise, std::uint64_t steps) {
  return {DpMechanism::kGaussian, DpSampling::kEverything, 1, noise, steps};
}

struct PublishedCost {
  const char* of;
  DpEvent event;
  double delta;
  double rdp;  // epsilon
  double pld;  // 0: not published
};

// RDP as Opacus and TensorFlow Privacy test for; PLD as computed on a mean-preserving grid, which
// is no bound but lies within 1e-5 of what TensorFlow Privacy tests for.
inline const PublishedCost kPublishedCosts[] = {
    {"Opacus", poisson(0.04, 1.5, 2250), 1e-5, 7.32911117143, 6.7688},
    {"TensorFlow Privacy", poisson(150.0 / 60000, 1.3, 6000), 1e-5, 0.7242234026109595, 0},
    {"TensorFlow Privacy", poisson(100.0 / 100000, 1.0, 30000), 1e-7, 1.4154988495444842, 0},
    {"MNIST, 15 epochs", poisson(256.0 / 60000, 1.3, 3515), 1e-5, 0.9544, 0.8646},
    {"MNIST, 60 epochs", poisson(256.0 / 60000, 1.1, 14062), 1e-5, 2.5966, 2.3819},
    {"MNIST, 45 epochs", poisson(256.0 / 60000, 0.7, 10546), 1e-5, 6.3181, 5.6395},
    {"Abadi et al. 2016", poisson(0.01, 4, 10000), 1e-5, 1.0355, 0.9474},
    {"TensorFlow Privacy", poisson(0.01, 0.7, 120), 1e-5, 3.2392676, 2.46124},
    {"TensorFlow Privacy", everything(0.7, 2), 1e-5, 10.8602036, 10.1224946},
    {"mu = 1", everything(10, 100), 1e-5, 4.7285, 4.3771781},
    {"clients", poisson(0.01, 1, 1000), 1e-5, 2.1014, 1.8283},
    {"rate 0.1", poisson(0.1, 4, 100), 1e-5, 1.0817, 0.9829},
    {"rate 0.1", poisson(0.1, 8, 100), 1e-5, 0.4912, 0.4452}};

}  // namespace tributary

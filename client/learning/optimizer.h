// SPDX-License-Identifier: Apache-2.0
// Optimizer: local sgd, adam, adamw and rmsprop on flat float tensors, with PyTorch's formulas. One
// owner, one thread. Its state (momentum, moments) lives for one training: a site starts each round
// afresh, as FedAvg does. It allocates on first use.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "client/learning/state_bytes.h"
#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  // One update of tensor number `index`. A tensor without a gradient is left out, and keeps its
  // state.
  virtual void step(std::size_t index, std::span<float> weights,
                    std::span<const float> gradient) = 0;
  // All that steps have changed here, to go on with the same bits.
  virtual void save_state(StateWriter& to) const = 0;
  virtual Status restore_state(StateReader& from) = 0;
};

// `learning_rate_factor` multiplies the option learning_rate (the schedule over rounds).
Result<std::unique_ptr<Optimizer>> make_optimizer(const PluginChoice& choice,
                                                  double learning_rate_factor);

}  // namespace tributary

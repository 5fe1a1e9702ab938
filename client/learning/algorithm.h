// SPDX-License-Identifier: Apache-2.0
// ClientAlgorithm: a plug-in that changes what a site's optimiser sees, and what of a training
// travels. Factories are constants, any thread; what they make belongs to one training. No Torch
// here: models are flat spans in the order of their layout. It keeps nothing between rounds: what
// its site has from earlier ones comes in and goes out.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

// What a training begins with; outlives what is made of it. Spans have one value for each of the
// model's.
struct AlgorithmStart {
  const OptionMap& options;
  const PluginChoice& optimizer;
  double learning_rate;           // of this round
  std::span<const float> global;  // the model that the site was sent
  std::span<const float> server;  // what the server's half sent with it; empty: nothing
  std::span<const float> own;     // what finish() left last time; empty: this is the first time
};

struct ValueRange {
  std::size_t at = 0;
  std::size_t count = 0;
};

struct AlgorithmEnd {
  std::uint64_t steps;                  // of the optimiser
  std::span<const ValueRange> trained;  // tensors that were trained, and travel
  std::span<float> update;              // local - global; may be changed
  // Out: what goes behind the update (common/tensor/companions.h), and what the site keeps.
  std::vector<float>& companions;
  std::vector<float>& own;
};

class AlgorithmRun {
 public:
  virtual ~AlgorithmRun() = default;
  virtual bool adjusts() const { return true; }
  // Before each optimiser step for each tensor that is trained and travels; its values are those of
  // the model from `at` on.
  virtual void adjust(std::size_t at, std::span<float> gradient,
                      std::span<const float> weights) = 0;
  virtual void finish(const AlgorithmEnd& end) = 0;
};

struct ClientAlgorithm {
  std::string_view name;
  std::string_view help;
  std::unique_ptr<AlgorithmRun> (*make)(const AlgorithmStart& start);  // null: plain training
  bool keeps = false;  // finish() leaves something at the site
  // Its server half takes every difference for one that gradients made: a model whose buffers
  // travel is refused.
  bool gradients_only = false;
};

std::span<const ClientAlgorithm* const> algorithm_table();  // generated
Result<const ClientAlgorithm*> find_algorithm(std::string_view name);
// Whether trainings leave anything at the site for the next one.
bool leaves_at_site(const TrainSpec& train);

// By how much sgd moves weights in so many steps, in gradients: the norm |a|_1 of Wang et al. 2020
// (FedNova). Without momentum it is `steps`.
double steps_in_gradients(const PluginChoice& sgd, std::uint64_t steps);

}  // namespace tributary

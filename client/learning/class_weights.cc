// SPDX-License-Identifier: Apache-2.0
#include "client/learning/class_weights.h"

#include "client/learning/examples.h"

namespace tributary {

std::vector<double> class_weights_at(const JobSpec& job, const ExampleSet& training) {
  const ClassWeights& wanted = job.train.class_weights;
  if (!wanted.balanced) return wanted.weights;
  const bool binary = job.data.target == TargetKind::kBinary;
  const auto classes =
      binary ? std::size_t{2} : static_cast<std::size_t>(model_outputs(job.data, {}));
  std::vector<std::uint64_t> labels(classes, 0);
  std::uint64_t all = 0;
  for (const std::int64_t label : training.labels) {
    if (label < 0) continue;
    ++labels[static_cast<std::size_t>(label)];
    ++all;
  }
  std::vector<double> weights;
  for (const std::uint64_t one : labels) {
    const double even = static_cast<double>(all) / static_cast<double>(classes);
    weights.push_back(one > 0 ? even / static_cast<double>(one) : 0.0);
  }
  return weights;
}

}  // namespace tributary

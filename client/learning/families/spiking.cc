// SPDX-License-Identifier: Apache-2.0
#include "client/learning/family_parts.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// Dense layers of neurons that integrate, leak and fire, trained through a surrogate gradient
// (Neftci et al. 2019, arXiv 1901.09948). The input is the first layer's current in each step.
Result<TorchModelPtr> build_spiking(const ModelRequest& request) {
  if (labels_places(request.target) || request.target == TargetKind::kUnlabelled) {
    return refuse_model(
        "family spiking gives one answer for an example: it is for data.task binary, classes or "
        "regression");
  }
  const OptionMap& options = request.options;
  const auto& hidden = option<std::vector<std::int64_t>>(options, "hidden");
  if (hidden.empty()) return refuse_model("family spiking needs at least one entry in hidden");
  const bool membrane = option<std::string>(options, "output") == "membrane";
  if (!membrane && request.target != TargetKind::kClasses) {
    return refuse_model(
        "output: spikes counts spikes, which are never below nothing: it is for data.task: "
        "classes; use output: membrane");
  }
  const SpikeLayer fire{option<double>(options, "beta"), option<double>(options, "threshold"),
                        option<double>(options, "slope"),
                        option<std::string>(options, "surrogate") == "arctan"};
  Layers layers{FlattenLayer{}};
  std::int64_t inputs = features_of(request.input_shape);
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    layers.emplace_back(LinearLayer{"hidden" + std::to_string(i + 1), inputs, hidden[i]});
    // The first current is the same in each step: it is made once.
    if (i == 0) layers.emplace_back(RepeatLayer{option<std::int64_t>(options, "steps")});
    layers.emplace_back(fire);
    inputs = hidden[i];
  }
  layers.emplace_back(LinearLayer{"output", inputs, request.outputs});
  if (!membrane) layers.emplace_back(fire);
  layers.emplace_back(ReadSpikesLayer{membrane, fire.beta});
  return build_layers(std::move(layers));
}

}  // namespace

const ModelFamily& spiking_family() {
  static constexpr ModelFamily kFamily{
      "spiking", "dense layers of neurons that integrate, leak and fire", build_spiking};
  return kFamily;
}

}  // namespace tributary

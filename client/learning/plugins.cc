// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "client/learning/algorithm.h"
#include "client/learning/family.h"
#include "client/learning/objective.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

template <typename Plugin>
Result<const Plugin*> find(std::span<const Plugin* const> table, std::string_view kind,
                           std::string_view name) {
  std::string known;
  for (const Plugin* plugin : table) {
    if (plugin->name == name) return plugin;
    known += (known.empty() ? "" : ", ") + std::string(plugin->name);
  }
  return make_error(ErrorCode::kInvalidArgument, "there is no " + std::string(kind) + " '" +
                                                     std::string(name) +
                                                     "' in this client; it knows: " + known);
}

}  // namespace

Result<const ModelFamily*> find_family(std::string_view name) {
  return find(family_table(), "model family", name);
}

Result<const ClientAlgorithm*> find_algorithm(std::string_view name) {
  return find(algorithm_table(), "client algorithm", name);
}

Result<const TrainingObjective*> find_objective(std::string_view name) {
  return find(objective_table(), "training objective", name);
}

bool leaves_at_site(const TrainSpec& train) {
  const auto algorithm = find_algorithm(train.algorithm.name);
  return train.personal || !train.keep_local.empty() || (algorithm && (*algorithm)->keeps);
}

// A gradient moves the weights in its own step and, by the velocity, in those after it.
double steps_in_gradients(const PluginChoice& sgd, std::uint64_t steps) {
  const double momentum = option<double>(sgd.options, "momentum");
  const bool nesterov = option<bool>(sgd.options, "nesterov");
  double all = 0.0, velocity = 0.0;
  for (std::uint64_t i = 0; i < steps; ++i) {
    velocity = momentum * velocity + 1.0;
    all += nesterov ? 1.0 + momentum * velocity : velocity;
  }
  return all;
}

}  // namespace tributary

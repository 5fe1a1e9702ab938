// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "coordinator/aggregation/rule.h"
#include "coordinator/aggregation/schedule.h"
#include "coordinator/aggregation/server_optimizer.h"

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
  return make_error(ErrorCode::kInvalidArgument, "no " + std::string(kind) + " '" +
                                                     std::string(name) + "'; there are: " + known);
}

}  // namespace

Result<const AggregationRule*> find_rule(std::string_view name) {
  return find(rule_table(), "aggregation rule", name);
}

Result<const ServerOptimizer*> find_server_optimizer(std::string_view name) {
  return find(server_optimizer_table(), "server optimizer", name);
}

Result<const LearningRateSchedule*> find_schedule(std::string_view name) {
  return find(schedule_table(), "learning rate schedule", name);
}

}  // namespace tributary

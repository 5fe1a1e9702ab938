// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>
#include <string>

#include "common/domain/options.h"
#include "coordinator/aggregation/pre_aggregator.h"
#include "coordinator/aggregation/rule.h"
#include "coordinator/aggregation/server_half.h"
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

bool AggregationRule::wants_products() const {
  if (const auto* combined = std::get_if<CombinedRule>(&how)) return combined->wants_products;
  const auto* columns = std::get_if<ColumnRule>(&how);
  return columns && columns->wants_products;
}

std::size_t byzantine_of(const OptionMap& options) {
  return static_cast<std::size_t>(option<std::int64_t>(options, "byzantine"));
}

std::vector<std::size_t> all_rows(std::size_t count) {
  std::vector<std::size_t> rows(count);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return rows;
}

Result<const PreAggregator*> find_pre_aggregator(std::string_view name) {
  return find(pre_aggregator_table(), "pre-aggregator", name);
}

Result<const ServerOptimizer*> find_server_optimizer(std::string_view name) {
  return find(server_optimizer_table(), "server optimizer", name);
}

const ServerHalf* find_server_half(std::string_view algorithm) {
  const auto table = server_half_table();
  const auto found = std::ranges::find(table, algorithm, [](const auto* one) { return one->name; });
  return found == table.end() ? nullptr : *found;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/config/catalog.h"
#include "common/config/job_sections.h"

namespace tributary {

AggregationSpec read_aggregate(Section& root) {
  Section from = root.section("aggregate", Section::Need::kOptional);
  AggregationSpec spec;
  spec.before = read_plugin(from, "before", "name", pre_aggregators(), "none");
  spec.rule = read_plugin(from, "rule", "name", aggregation_rules(), "weighted_mean");
  spec.server_optimizer = read_plugin(from, "server_optimizer", "name", server_optimizers(), "sgd");
  spec.schedule = read_plugin(from, "schedule", "name", learning_rate_schedules(), "constant");
  spec.example_cap = static_cast<std::uint64_t>(
      from.integer("example_cap", {1, static_cast<std::int64_t>(limits::kExamplesMax)}, 1'000'000));
  spec.coordinate_bound =
      from.number("coordinate_bound", {.min = 0.0, .max = 1e6, .above_min = true}, 1024.0);
  return spec;
}

}  // namespace tributary

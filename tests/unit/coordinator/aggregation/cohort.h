// SPDX-License-Identifier: Apache-2.0
// Cohort: made-up updates of some sites, and what a rule makes of them, in double; for the tests of
// this folder.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "common/base/random_source.h"
#include "coordinator/aggregation/round_aggregate.h"
#include "tests/support/plugin_choice.h"

namespace tributary {

using Vector = std::vector<double>;

inline std::string site_name(std::size_t site) {
  char name[32];
  std::snprintf(name, sizeof name, "site-%03zu", site);
  return name;
}

struct Cohort {
  // Normal values around a common direction, which is what updates are like.
  static Cohort random(std::size_t sites, std::size_t values, std::uint64_t seed) {
    SeededRandom random(seed);
    Cohort cohort;
    std::vector<float> common(values);
    for (float& value : common) value = static_cast<float>(random.normal());
    for (std::size_t s = 0; s < sites; ++s) {
      Model update{{{{"w", {static_cast<std::int64_t>(values)}}}}, common};
      const double spread = 0.2 + random.uniform();
      for (float& value : update.values) value += static_cast<float>(spread * random.normal());
      cohort.facts.push_back(
          {site_name(s), 1 + random.uniform_below(1000), 0.1 + random.uniform(), norm_of(update)});
      cohort.updates.push_back(std::move(update));
    }
    return cohort;
  }
  static double norm_of(const Model& update) {
    double squares = 0.0;
    for (const float value : update.values)
      squares += static_cast<double>(value) * static_cast<double>(value);
    return std::sqrt(squares);
  }
  std::size_t size() const { return updates.size(); }
  const Layout& layout() const { return updates[0].layout; }
  OpenUpdate opener(std::size_t site) const {
    return [&update = updates[site]]() -> Result<std::unique_ptr<ValueSource>> {
      return std::unique_ptr<ValueSource>(std::make_unique<ModelSource>(update));
    };
  }
  Status add(std::size_t site, RoundAggregate& to) const {
    ModelSource now(updates[site]);
    return to.add(facts[site], now, opener(site));
  }
  // Site by site, its values in double.
  std::vector<Vector> vectors() const {
    std::vector<Vector> of;
    for (const Model& update : updates) of.emplace_back(update.values.begin(), update.values.end());
    return of;
  }
  // The update and its facts become those of an attacker.
  void replace(std::size_t site, const std::vector<float>& values) {
    updates[site].values = values;
    facts[site].norm = norm_of(updates[site]);
  }

  std::vector<Model> updates;
  std::vector<UpdateFacts> facts;
};

// The root of a rule that has one is the first site.
inline AggregationSpec spec_of(const std::string& rule, OptionMap options = {},
                               const std::string& before = "none", OptionMap mixing = {}) {
  AggregationSpec spec;
  if (has_option(aggregation_rules(), rule, "root")) options.try_emplace("root", site_name(0));
  spec.rule = choose(aggregation_rules(), rule, std::move(options));
  spec.before = choose(pre_aggregators(), before, std::move(mixing));
  spec.server_optimizer = choose(server_optimizers(), "sgd");
  return spec;
}

inline Result<Vector> joint_of(const Cohort& cohort, const AggregationSpec& spec,
                               std::uint64_t seed = 1) {
  UpdateSet set;
  for (std::size_t s = 0; s < cohort.size(); ++s) {
    TRIB_CHECK_OK(
        set.add(cohort.facts[s], static_cast<double>(cohort.facts[s].examples), cohort.opener(s)));
  }
  const JointRule joint{**find_rule(spec.rule.name), **find_pre_aggregator(spec.before.name)};
  TRIB_TRY(update, JointUpdate::open(joint, spec, set, cohort.layout(), seed));
  Vector values(cohort.updates[0].values.size());
  TRIB_CHECK_OK(update->next(values));
  return values;
}

inline void expect_near(const Result<Vector>& got, const Vector& expected, double tolerance) {
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(got->size(), expected.size());
  for (std::size_t c = 0; c < expected.size(); ++c)
    ASSERT_NEAR((*got)[c], expected[c], tolerance) << "coordinate " << c;
}

}  // namespace tributary

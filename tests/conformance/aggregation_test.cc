// SPDX-License-Identifier: Apache-2.0
// Every registered aggregation rule, alone and after every pre-aggregator: it does what each
// promises with its defaults, needs what the catalogue says, and each value of an option does
// something.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/base/random_source.h"
#include "coordinator/aggregation/pre_aggregator.h"
#include "coordinator/aggregation/round_aggregate.h"
#include "tests/support/plugin_options.h"

namespace tributary {
namespace {

const Layout kLayout{{{"w", {40}}}};

// Updates of sites that are much alike: at most 0.01 each way around 1, or around 0.
std::vector<Model> updates_around(float center, std::size_t sites, std::uint64_t seed = 3) {
  SeededRandom random(seed);
  std::vector<Model> updates(sites, {kLayout, {}});
  for (Model& update : updates) {
    for (int i = 0; i < 40; ++i) {
      update.values.push_back(center + static_cast<float>(0.02 * random.uniform() - 0.01));
    }
  }
  return updates;
}

double norm_of(const Model& update) {
  double squares = 0.0;
  for (const float value : update.values)
    squares += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(squares);
}

// The model that a round makes of one of zeros.
Result<std::vector<float>> joined(const PluginChoice& rule, const PluginChoice& before,
                                  const std::vector<Model>& updates) {
  AggregationSpec spec;
  spec.rule = rule;
  spec.before = before;
  spec.server_optimizer = choose(server_optimizers(), "sgd");
  TRIB_TRY(aggregate, RoundAggregate::open(spec, kLayout, updates.size(), 5));
  for (std::size_t s = 0; s < updates.size(); ++s) {
    UpdateFacts facts{"site-" + std::to_string(s), 10 + 7 * s, 0.5 + 0.1 * static_cast<double>(s),
                      norm_of(updates[s])};
    const auto open = [&update = updates[s]]() -> Result<std::unique_ptr<ValueSource>> {
      return std::unique_ptr<ValueSource>(std::make_unique<ModelSource>(update));
    };
    ModelSource now(updates[s]);
    TRIB_CHECK_OK(aggregate->add(std::move(facts), now, open));
  }
  const Model base{kLayout, std::vector<float>(40)};
  Model next{kLayout, {}};
  ModelSource from(base);
  ModelSink to(next);
  TRIB_TRY(outcome, aggregate->finish({from, to}));
  static_cast<void>(outcome);
  return next.values;
}

bool has_root(const std::string& rule) { return has_option(aggregation_rules(), rule, "root"); }

// The root of a rule that has one is the first site.
PluginChoice rule_named(const std::string& name) {
  OptionMap options;
  if (has_root(name)) options["root"] = "site-0";
  return choose(aggregation_rules(), name, std::move(options));
}
PluginChoice before_named(const std::string& name) { return choose(pre_aggregators(), name); }

TEST(Rules, EveryOneThatStreamsWeighsWithinItsCap) {
  AggregationSpec spec;
  spec.example_cap = 50;
  std::size_t streamed = 0;
  for (const AggregationRule* rule : rule_table()) {
    const auto* how = std::get_if<StreamedRule>(&rule->how);
    if (how == nullptr) continue;
    ++streamed;
    for (const std::uint64_t examples : {1ull, 49ull, 51ull, 1ull << 31}) {
      EXPECT_GE(how->weight(spec, examples), 1u) << rule->name;
      EXPECT_LE(how->weight(spec, examples), 50u) << rule->name;
    }
  }
  EXPECT_GE(streamed, 1u);
}

TEST(Rules, EveryOneNeedsWhatTheCatalogueSays) {
  for (const PluginSchema& schema : aggregation_rules()) {
    const AggregationRule& rule = **find_rule(schema.name);
    EXPECT_EQ(schema.updates.together, !rule.streams()) << schema.name;
    OptionMap options = rule_named(schema.name).options;
    for (const std::int64_t byzantine : {0, 1, 7}) {
      if (options.contains("byzantine")) options["byzantine"] = byzantine;
      EXPECT_EQ(static_cast<std::int64_t>(rule.rows_min(options)),
                schema.updates.for_each * byzantine + schema.updates.beside)
          << schema.name;
      if (!options.contains("byzantine")) break;
    }
  }
  for (const PluginSchema& schema : pre_aggregators()) {
    const OptionMap options = before_named(schema.name).options;
    EXPECT_EQ(static_cast<std::int64_t>((*find_pre_aggregator(schema.name))->updates_min(options)),
              schema.updates.for_each + schema.updates.beside)
        << schema.name;
  }
}

// With as few as it needs, and with more.
TEST(Rules, EveryOneFollowsUpdatesThatAgree) {
  for (const PluginSchema& schema : aggregation_rules()) {
    for (const PluginSchema& before : pre_aggregators()) {
      if (before.updates.together && (!schema.updates.together || has_root(schema.name))) continue;
      SCOPED_TRACE(schema.name + " after " + before.name);
      const PluginChoice rule = rule_named(schema.name);
      const std::size_t needed = (*find_rule(schema.name))->rows_min(rule.options);
      for (const std::size_t sites : {2 * needed + 1, std::size_t{23}}) {
        const auto model = joined(rule, before_named(before.name), updates_around(1.0f, sites));
        ASSERT_TRUE(model) << model.error().message;
        for (const float value : *model) {
          EXPECT_GT(value, schema.name == "qffl" ? 0.0f : 0.98f);
          EXPECT_LT(value, 1.02f);
        }
      }
    }
  }
}

TEST(Rules, EveryOneRefusesFewerThanItNeeds) {
  for (const PluginSchema& schema : aggregation_rules()) {
    const PluginChoice rule = rule_named(schema.name);
    const std::size_t needed = (*find_rule(schema.name))->rows_min(rule.options);
    EXPECT_TRUE(joined(rule, before_named("none"), updates_around(1.0f, needed))) << schema.name;
    EXPECT_FALSE(joined(rule, before_named("none"), updates_around(1.0f, needed - 1)))
        << schema.name;
  }
}

// Whether two choices ever join the same updates to two models: Krum's winner may be one for two
// numbers of attackers, and mostly is.
bool differ(const std::function<std::vector<float>(const std::vector<Model>&)>& one,
            const std::function<std::vector<float>(const std::vector<Model>&)>& other) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    const std::vector<Model> updates = updates_around(0.0f, 23, seed);
    if (one(updates) != other(updates)) return true;
  }
  return false;
}

TEST(Rules, EveryOptionDoesSomething) {
  const auto with = [](const PluginChoice& rule, const PluginChoice& before) {
    return [=](const std::vector<Model>& updates) { return *joined(rule, before, updates); };
  };
  for_every_option(aggregation_rules(), [&](const PluginChoice& usual, const PluginChoice& other) {
    const PluginChoice none = before_named("none");
    EXPECT_TRUE(differ(with(usual, none), with(other, none)));
  });
  for_every_option(pre_aggregators(), [&](const PluginChoice& usual, const PluginChoice& other) {
    const PluginChoice median = rule_named("median");
    EXPECT_TRUE(differ(with(median, usual), with(median, other)));
  });
}

}  // namespace
}  // namespace tributary

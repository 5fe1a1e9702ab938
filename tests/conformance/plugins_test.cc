// SPDX-License-Identifier: Apache-2.0
// Every registered plug-in: the catalogue knows it with its options, and it does what its kind
// promises with the defaults.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "client/data/loader.h"
#include "client/learning/algorithm.h"
#include "client/learning/family.h"
#include "client/learning/learner.h"
#include "common/config/catalog.h"
#include "coordinator/aggregation/rule.h"
#include "coordinator/aggregation/server_optimizer.h"

namespace tributary {
namespace {

template <typename Plugin>
std::set<std::string> names_of(std::span<const Plugin* const> table) {
  std::set<std::string> names;
  for (const Plugin* plugin : table) names.insert(std::string(plugin->name));
  return names;
}

std::set<std::string> names_of(const std::vector<PluginSchema>& schemas) {
  std::set<std::string> names;
  for (const PluginSchema& schema : schemas) names.insert(schema.name);
  return names;
}

OptionMap defaults_of(const PluginSchema& schema) {
  OptionMap options;
  for (const OptionSchema& option : schema.options) {
    if (option.fallback) options[option.name] = *option.fallback;
  }
  return options;
}

TEST(Plugins, TheCatalogueAndTheTablesNameTheSame) {
  EXPECT_EQ(names_of(family_table()), names_of(model_families()));
  EXPECT_EQ(names_of(algorithm_table()), names_of(client_algorithms()));
  EXPECT_EQ(names_of(rule_table()), names_of(aggregation_rules()));
  EXPECT_EQ(names_of(server_optimizer_table()), names_of(server_optimizers()));
  EXPECT_EQ(names_of(loader_table()), names_of(data_loaders()));
}

TEST(Plugins, EveryRuleWeighsWithinItsCap) {
  AggregationSpec spec;
  spec.example_cap = 50;
  for (const AggregationRule* rule : rule_table()) {
    for (const std::uint64_t examples : {1ull, 49ull, 51ull, 1ull << 31}) {
      EXPECT_GE(rule->weight(spec, examples), 1u) << rule->name;
      EXPECT_LE(rule->weight(spec, examples), 50u) << rule->name;
    }
  }
}

TEST(Plugins, EveryServerOptimizerFollowsTheMeanUpdate) {
  for (const PluginSchema& schema : server_optimizers()) {
    const ServerOptimizer& optimizer = **find_server_optimizer(schema.name);
    std::vector<float> weights = {1.0f, 1.0f}, state(2, 0.0f);
    const std::vector<double> mean = {0.5, -0.25};
    optimizer.step(defaults_of(schema), mean, weights, state);
    EXPECT_GT(weights[0], 1.0f) << schema.name;
    EXPECT_LT(weights[1], 1.0f) << schema.name;
  }
}

class Training : public testing::Test {
 protected:
  JobSpec job_;
  ExampleSet data_{{2}, 4, {1, 0, 0, 1, 2, 0, 0, 2}, {1, 0, 1, 0}, {}};

  void expect_trains(const std::string& what) {
    const auto global = initial_model(job_, data_.input_shape, "");
    ASSERT_TRUE(global) << what << ": " << global.error().message;
    const auto trained = train(TrainRequest{job_, 1, *global, data_, 1, 1, {}, {}, {}});
    ASSERT_TRUE(trained) << what << ": " << trained.error().message;
    EXPECT_GT(trained->update_norm, 0.0) << what;
    EXPECT_TRUE(std::isfinite(trained->train_loss)) << what;
    EXPECT_EQ(trained->update.layout, global->layout) << what;
  }
};

TEST_F(Training, EveryOptimizerAlgorithmAndBuiltInFamilyTrainsWithItsDefaults) {
  job_.model = {"logistic", {}};
  for (const PluginSchema& schema : client_optimizers()) {
    job_.train.optimizer = {schema.name, defaults_of(schema)};
    expect_trains(schema.name);
  }
  for (const PluginSchema& schema : client_algorithms()) {
    job_.train.algorithm = {schema.name, defaults_of(schema)};
    expect_trains(schema.name);
  }
  for (const PluginSchema& schema : model_families()) {
    if (schema.name == "torchscript")
      continue;  // wants a module: tests/unit/client/learning/python_test.cc
    const bool image = schema.name == "cnn";
    data_ = image ? ExampleSet{{1, 8, 8}, 2, std::vector<float>(128, 0.5f), {1, 0}, {}} : data_;
    data_.inputs[3] = 1.0f;
    job_.model = {schema.name, defaults_of(schema)};
    expect_trains(schema.name);
  }
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Every registered plug-in: the catalogue knows it with its options, it does what its kind promises
// with the defaults, and each value of an option that the catalogue lets through does something.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "client/data/augmentation.h"
#include "client/data/loader.h"
#include "client/learning/algorithm.h"
#include "client/learning/family.h"
#include "client/learning/learner.h"
#include "common/base/random_source.h"
#include "common/config/catalog.h"
#include "common/config/encoding_choice.h"
#include "common/domain/schedule.h"
#include "common/tensor/encoding.h"
#include "coordinator/aggregation/pre_aggregator.h"
#include "coordinator/aggregation/rule.h"
#include "coordinator/aggregation/server_optimizer.h"
#include "tests/support/plugin_options.h"

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

TEST(Plugins, TheCatalogueAndTheTablesNameTheSame) {
  EXPECT_EQ(names_of(family_table()), names_of(model_families()));
  EXPECT_EQ(names_of(algorithm_table()), names_of(client_algorithms()));
  EXPECT_EQ(names_of(augmentation_table()), names_of(augmentations()));
  EXPECT_EQ(names_of(update_encoding_table()), names_of(update_encodings()));
  EXPECT_EQ(names_of(rule_table()), names_of(aggregation_rules()));
  EXPECT_EQ(names_of(pre_aggregator_table()), names_of(pre_aggregators()));
  EXPECT_EQ(names_of(server_optimizer_table()), names_of(server_optimizers()));
  EXPECT_EQ(names_of(schedule_table()), names_of(learning_rate_schedules()));
  EXPECT_EQ(names_of(loader_table()), names_of(data_loaders()));
}

// Two weights of 1 after so many steps with the same mean update.
std::vector<float> weights_after(int steps, const PluginChoice& choice) {
  const ServerOptimizer& optimizer = **find_server_optimizer(choice.name);
  const std::vector<double> mean = {0.5, -0.25};
  std::vector<float> weights = {1.0f, 1.0f};
  std::vector<std::vector<float>> states;
  for (const StateVector& state : optimizer.state) {
    states.emplace_back(2, state.initial != nullptr ? state.initial(choice.options) : 0.0f);
  }
  const std::vector<std::span<float>> parts(states.begin(), states.end());
  const double rate = std::get<double>(choice.options.at("learning_rate"));
  for (int i = 0; i < steps; ++i) optimizer.step({choice.options, rate, mean, weights, parts});
  return weights;
}

// Whoever names an encoding without options gets what the encoding itself likes.
TEST(Plugins, TheCatalogueOfEncodingsHasTheirOwnDefaults) {
  for (const PluginSchema& schema : update_encodings()) {
    const auto by_catalogue =
        encoding_spec(encoding_choice(choose(update_encodings(), schema.name)), 1'000'000);
    const auto by_itself = encoding_spec({.name = schema.name}, 1'000'000);
    ASSERT_TRUE(by_catalogue && by_itself) << schema.name;
    EXPECT_EQ(*by_catalogue, *by_itself) << schema.name;
  }
}

TEST(Plugins, EveryServerOptimizerFollowsTheMeanUpdate) {
  for (const PluginSchema& schema : server_optimizers()) {
    const std::vector<float> weights = weights_after(1, choose(server_optimizers(), schema.name));
    EXPECT_GT(weights[0], 1.0f) << schema.name;
    EXPECT_LT(weights[1], 1.0f) << schema.name;
  }
}

TEST(Plugins, EveryOptionOfAServerOptimizerDoesSomething) {
  for_every_option(server_optimizers(), [](const PluginChoice& usual, const PluginChoice& other) {
    EXPECT_NE(weights_after(2, usual), weights_after(2, other));
  });
}

// The factors of 40 rounds.
std::vector<double> factors_of(const PluginChoice& schedule) {
  std::vector<double> factors;
  for (RoundNumber round = 1; round <= 40; ++round)
    factors.push_back(schedule_factor(**find_schedule(schedule.name), schedule.options, 40, round));
  return factors;
}

TEST(Plugins, EveryScheduleStartsAtOneAndStaysAboveZero) {
  for (const PluginSchema& schema : learning_rate_schedules()) {
    const auto factors = factors_of(choose(learning_rate_schedules(), schema.name));
    EXPECT_EQ(factors[0], 1.0) << schema.name;
    for (const double factor : factors) {
      EXPECT_GT(factor, 0.0) << schema.name;
      EXPECT_LE(factor, 1.0) << schema.name;
    }
  }
}

TEST(Plugins, EveryOptionOfAScheduleDoesSomething) {
  for_every_option(learning_rate_schedules(),
                   [](const PluginChoice& usual, const PluginChoice& other) {
                     EXPECT_NE(factors_of(usual), factors_of(other));
                   });
}

class Training : public testing::Test {
 protected:
  void SetUp() override {
    job_.model = choose(model_families(), "logistic");
    job_.train.algorithm = choose(client_algorithms(), "fedavg");
    job_.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", 0.1}});
    job_.train.batch_size = 2;  // several steps: momentum and the like show from the second on
    SeededRandom random(1);
    for (int i = 0; i < 6 * 16 * 16; ++i) {
      pictures_.inputs.push_back(static_cast<float>(random.normal()));
      ids_.inputs.push_back(static_cast<float>(random.uniform_below(10'000)));
    }
  }
  // Rows that the job's model takes; the job's task becomes one that it is for.
  const ExampleSet& fitting() {
    const std::string& family = job_.model.name;
    const OptionMap& options = job_.model.options;
    const auto ids = options.find("vocabulary");
    const std::int64_t vocabulary = ids == options.end() ? 0 : std::get<std::int64_t>(ids->second);
    job_.data = DataSpec{};
    fitting_ = pictures_;
    if (vocabulary > 0) {
      fitting_ = ids_;
      for (float& id : fitting_.inputs) id = std::fmod(id, static_cast<float>(vocabulary));
    } else if (family == "rnn" || family == "transformer") {
      fitting_.input_shape = {16, 16};
    }
    if (family == "spiking") job_.data.target = TargetKind::kClasses;
    if (family == "autoencoder" || family == "vae") job_.data.target = TargetKind::kUnlabelled;
    if (family == "copula") job_.data.target = TargetKind::kUnlabelled;
    job_.train.objective.name = family == "copula" ? "statistics" : "supervised";
    if (family == "unet") label_places(TargetKind::kSegmentation, {16, 16});
    if (family == "translator")
      label_places(TargetKind::kTokens,
                   {256 - std::get<std::int64_t>(options.at("source_length"))});
    return fitting_;
  }
  void label_places(TargetKind target, const std::vector<std::int64_t>& shape) {
    job_.data.target = target;
    job_.data.target_shape = fitting_.target_shape = shape;
    std::int64_t labels = fitting_.rows;
    for (const std::int64_t size : shape) labels *= size;
    fitting_.labels.clear();
    for (std::int64_t i = 0; i < labels; ++i) fitting_.labels.push_back(i / 3 % 2);
  }
  // What training gives from the job's own initial model; empty where it is refused.
  Model update(const ExampleSet& data) {
    const auto global = initial_model(job_, data.input_shape, {});
    EXPECT_TRUE(global) << global.error().message;
    if (!global) return {};
    const auto trained = train(TrainRequest{job_, 1, *global, data, 1, 1, {}, {}, {}});
    EXPECT_TRUE(trained) << trained.error().message;
    if (!trained) return {};
    EXPECT_GT(trained->update_norm, 0.0);
    EXPECT_TRUE(std::isfinite(trained->train_loss));
    EXPECT_EQ(trained->update.layout, global->layout);
    return trained->update;
  }
  void expect_others_to_differ(const std::vector<PluginSchema>& plugins, PluginChoice& place) {
    for_every_option(plugins, [&](const PluginChoice& usual, const PluginChoice& other) {
      place = usual;
      const Model before = update(fitting());
      place = other;
      EXPECT_NE(update(fitting()), before) << "the option changes nothing";
    });
  }

  JobSpec job_;
  ExampleSet pictures_{{1, 16, 16}, 6, {}, {1, 0, 1, 0, 0, 1}, {}};
  ExampleSet fitting_;
  ExampleSet ids_{{256}, 6, {}, {1, 0, 1, 0, 0, 1}, {}};
};

TEST_F(Training, EveryPluginTrainsWithItsDefaults) {
  for (const PluginSchema& schema : client_optimizers()) {
    SCOPED_TRACE(schema.name);
    job_.train.optimizer = choose(client_optimizers(), schema.name);
    update(pictures_);
  }
  job_.train.optimizer = choose(client_optimizers(), "sgd");  // all algorithms go with it
  for (const PluginSchema& schema : client_algorithms()) {
    SCOPED_TRACE(schema.name);
    job_.train.algorithm = choose(client_algorithms(), schema.name);
    update(pictures_);
  }
  for (const PluginSchema& schema : model_families()) {
    SCOPED_TRACE(schema.name);
    if (schema.name == "torchscript") continue;  // tests/unit/client/learning/torchscript_test.cc
    job_.model = choose(model_families(), schema.name);
    update(fitting());
  }
}

// No value that the catalogue lets through may be refused by a site, and none be without effect.
TEST_F(Training, EveryOptionOfAModelFamilyDoesSomething) {
  expect_others_to_differ(model_families(), job_.model);
}

TEST_F(Training, EveryOptionOfAnOptimizerDoesSomething) {
  expect_others_to_differ(client_optimizers(), job_.train.optimizer);
}

TEST_F(Training, EveryOptionOfAnAlgorithmDoesSomething) {
  expect_others_to_differ(client_algorithms(), job_.train.algorithm);
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/round_aggregate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace tributary {
namespace {

using testing::HasSubstr;

const Layout kLayout{{{"w", {3}}}};

Model model(float a, float b, float c) { return {kLayout, {a, b, c}}; }

AggregationSpec plain() {
  AggregationSpec spec;
  spec.server_optimizer.options = {{"learning_rate", 1.0}};
  return spec;
}

TEST(RoundAggregate, WeighsByExamplesUpToTheCap) {
  AggregationSpec spec = plain();
  spec.example_cap = 100;
  auto aggregate = *RoundAggregate::open(spec, kLayout, 3);
  aggregate->add(model(1.0f, 0.0f, -2.0f), 50);
  aggregate->add(model(4.0f, 0.25f, 1.0f), 1'000'000);  // counts as 100
  const auto outcome = aggregate->finish(model(10.0f, 20.0f, 30.0f), {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->examples, 1'000'050u);
  const double a = (50.0 * 1.0 + 100.0 * 4.0) / 150.0, b = 100.0 * 0.25 / 150.0,
               c = (50.0 * -2.0 + 100.0) / 150.0;
  EXPECT_EQ(outcome->model.values,
            (std::vector<float>{static_cast<float>(10.0 + a), static_cast<float>(20.0 + b),
                                static_cast<float>(30.0 + c)}));
  EXPECT_NEAR(outcome->update_norm, std::sqrt(a * a + b * b + c * c), 1e-12);
  EXPECT_FALSE(outcome->optimizer_state.has_value());
}

TEST(RoundAggregate, MomentumKeepsItsVelocityBetweenRounds) {
  AggregationSpec spec;
  spec.server_optimizer = {"momentum", {{"learning_rate", 0.5}, {"beta", 0.9}}};
  Model global = model(0.0f, 0.0f, 0.0f);
  std::optional<Model> state;
  double velocity = 0.0, weight = 0.0;  // reference in double
  for (int round = 1; round <= 5; ++round) {
    auto aggregate = *RoundAggregate::open(spec, kLayout, 1);
    aggregate->add(model(static_cast<float>(round), 0.0f, 0.0f), 7);
    auto outcome = aggregate->finish(global, state);
    ASSERT_TRUE(outcome);
    global = outcome->model;
    state = outcome->optimizer_state;
    velocity = 0.9 * velocity + round;
    weight += 0.5 * velocity;
    EXPECT_NEAR(static_cast<double>(global.values[0]), weight, 1e-5);
  }
}

TEST(RoundAggregate, CanBeFinishedTwice) {
  auto aggregate = *RoundAggregate::open(plain(), kLayout, 2);
  aggregate->add(model(1.0f, 2.0f, 3.0f), 5);
  const Model base = model(0.0f, 0.0f, 0.0f);
  EXPECT_EQ(aggregate->finish(base, {})->model, aggregate->finish(base, {})->model);
}

TEST(RoundAggregate, RefusesUnknownPluginsNothingAndInfinity) {
  AggregationSpec spec;
  spec.rule.name = "median";
  EXPECT_THAT(RoundAggregate::open(spec, kLayout, 1).error().message,
              HasSubstr("there are: weighted_mean"));
  auto aggregate = *RoundAggregate::open(plain(), kLayout, 1);
  EXPECT_FALSE(aggregate->finish(model(0, 0, 0), {}));
  aggregate->add(model(1.0f, 0.0f, 0.0f), 1);
  EXPECT_THAT(aggregate->finish(model(INFINITY, 0.0f, 0.0f), {}).error().message,
              HasSubstr("not finite"));
}

}  // namespace
}  // namespace tributary

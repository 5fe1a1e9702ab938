// SPDX-License-Identifier: Apache-2.0
// Server optimisers against float64 references in the closed forms of Reddi et al. 2021, algorithm
// 2, and through RoundAggregate, which keeps their state.
#include "coordinator/aggregation/server_optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "coordinator/aggregation/round_aggregate.h"

namespace tributary {
namespace {

constexpr double kRate = 0.03, kBeta1 = 0.9, kBeta2 = 0.99, kTau = 0.001;

PluginChoice chosen(const std::string& name) {
  if (name == "sgd") return {name, {{"learning_rate", kRate}}};
  if (name == "momentum") return {name, {{"learning_rate", kRate}, {"beta", kBeta1}}};
  if (name == "adagrad") return {name, {{"learning_rate", kRate}, {"tau", kTau}}};
  return {name, {{"learning_rate", kRate}, {"beta1", kBeta1}, {"beta2", kBeta2}, {"tau", kTau}}};
}

using Vectors = std::vector<std::vector<float>>;

Vectors initial_states(const PluginChoice& choice, std::size_t size) {
  Vectors states;
  for (const StateVector& state : (*find_server_optimizer(choice.name))->state) {
    states.emplace_back(size, state.initial != nullptr ? state.initial(choice.options) : 0.0f);
  }
  return states;
}

void step(const PluginChoice& choice, std::span<const double> mean, std::vector<float>& weights,
          Vectors& states) {
  const std::vector<std::span<float>> parts(states.begin(), states.end());
  (*find_server_optimizer(choice.name))->step({choice.options, kRate, mean, weights, parts});
}

// --- the references: what round t of one weight adds, from the updates d of rounds 0 to t ---

// Sum over s of beta^(t - s) * term(d[s]).
template <typename Term>
double weighted_sum(const std::vector<double>& d, double beta, Term term) {
  double sum = 0.0;
  for (std::size_t s = 0; s < d.size(); ++s)
    sum += std::pow(beta, static_cast<double>(d.size() - 1 - s)) * term(d[s]);
  return sum;
}

double itself(double x) { return x; }
double squared(double x) { return x * x; }

double mean_moment(const std::vector<double>& d) {
  return (1.0 - kBeta1) * weighted_sum(d, kBeta1, itself);
}

double yogi_v(const std::vector<double>& d) {
  double v = kTau * kTau;
  for (const double x : d) {
    const double gap = v - x * x;
    if (gap != 0.0) v -= (1.0 - kBeta2) * x * x * (gap > 0.0 ? 1.0 : -1.0);
  }
  return v;
}

double reference_change(const std::string& name, const std::vector<double>& d) {
  if (name == "sgd") return kRate * d.back();
  if (name == "momentum") return kRate * weighted_sum(d, kBeta1, itself);
  if (name == "adagrad")
    return kRate * d.back() / (std::sqrt(kTau * kTau + weighted_sum(d, 1.0, squared)) + kTau);
  const double v = name == "yogi" ? yogi_v(d)
                                  : std::pow(kBeta2, static_cast<double>(d.size())) * kTau * kTau +
                                        (1.0 - kBeta2) * weighted_sum(d, kBeta2, squared);
  return kRate * mean_moment(d) / (std::sqrt(v) + kTau);
}

// Updates that swing, one that is large and then small, one that is tiny, one that is always 0.
std::vector<double> updates_of(int round) {
  return {0.3 * std::sin(1.7 * round), round < 5 ? 20.0 : 0.001 * round, -1e-6 * (round + 1), 0.0,
          -0.05};
}

class EveryOptimizer : public testing::TestWithParam<const char*> {};

// Tolerance: each of 60 rounds rounds the weight (about 1: 2^-24) and the state (2^-24 of a step
// that is at most 0.3 for the adaptive ones), and some weights reach 40.
TEST_P(EveryOptimizer, DoesWhatThePaperSaysOverManyRounds) {
  const PluginChoice choice = chosen(GetParam());
  std::vector<float> weights = {1.0f, -2.0f, 0.5f, 0.25f, 0.0f};
  Vectors states = initial_states(choice, 5);
  std::vector<double> expected(weights.begin(), weights.end());
  std::vector<std::vector<double>> seen(5);
  for (int round = 0; round < 60; ++round) {
    const std::vector<double> mean = updates_of(round);
    step(choice, mean, weights, states);
    for (std::size_t i = 0; i < 5; ++i) {
      seen[i].push_back(mean[i]);
      expected[i] += reference_change(GetParam(), seen[i]);
      EXPECT_NEAR(static_cast<double>(weights[i]), expected[i],
                  60 * 0x1p-23 * (1.0 + std::abs(expected[i])))
          << "round " << round << ", weight " << i;
    }
  }
  EXPECT_EQ(weights[3], 0.25f) << "no update, no change";
}

// Three blocks, the last not full: the same bits as in one piece, from the state of two rounds.
TEST_P(EveryOptimizer, BlocksMakeNoDifference) {
  constexpr std::size_t kSize = 40'000;
  const Layout layout{{{"a", {3, 5'000}}, {"b", {25'000}}}};
  AggregationSpec spec;
  spec.server_optimizer = chosen(GetParam());
  Model global{layout, std::vector<float>(kSize)}, update = global;
  for (std::size_t i = 0; i < kSize; ++i) global.values[i] = static_cast<float>(i % 101) / 64.0f;
  std::vector<float> weights = global.values;
  Vectors whole = initial_states(spec.server_optimizer, kSize);
  std::vector<Model> states(whole.size(), Model{layout, {}});
  for (int round = 1; round <= 3; ++round) {
    for (std::size_t i = 0; i < kSize; ++i)
      update.values[i] = std::ldexp(static_cast<float>(i * 7 % 13) - 6.0f, -round);
    auto aggregate = *RoundAggregate::open(spec, layout, 1);
    ModelSource values(update), from(global);
    ASSERT_TRUE(aggregate->add(values, 3));
    Model next{layout, {}};
    std::vector<Model> next_states = states;
    ModelSink to(next);
    RoundStreams streams{from, to};
    std::vector<std::unique_ptr<ModelSource>> sources;
    std::vector<std::unique_ptr<ModelSink>> sinks;
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (round > 1)
        streams.states.push_back(sources.emplace_back(new ModelSource(states[i])).get());
      streams.next_states.push_back(sinks.emplace_back(new ModelSink(next_states[i])).get());
    }
    ASSERT_TRUE(aggregate->finish(streams));
    step(spec.server_optimizer, std::vector<double>(update.values.begin(), update.values.end()),
         weights, whole);
    EXPECT_TRUE(next.values == weights) << round;
    for (std::size_t i = 0; i < whole.size(); ++i)
      EXPECT_TRUE(next_states[i].values == whole[i]) << round;
    global = next;
    states = next_states;
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryOptimizer,
                         testing::Values("sgd", "momentum", "adam", "yogi", "adagrad"),
                         [](const auto& name) { return std::string(name.param); });

// One step from nothing, by hand: m = 0.1 * d, v = 0.99e-6 + 0.01 * d^2. Adam with its correction
// of the bias would step by rate * d / (|d| + tau).
TEST(ServerOptimizer, AdamCorrectsNoBias) {
  std::vector<float> weights = {0.0f};
  Vectors states = initial_states(chosen("adam"), 1);
  EXPECT_EQ(states[1][0], 1e-6f) << "v starts at tau^2";
  step(chosen("adam"), std::vector{0.5}, weights, states);
  const double want = 0.03 * 0.05 / (std::sqrt(0.99e-6 + 0.0025) + 0.001);
  EXPECT_NEAR(static_cast<double>(weights[0]), want, 1e-8);
}

// After one outlier adam forgets it geometrically; yogi takes off (1 - beta2) * d^2 only.
TEST(ServerOptimizer, YogiLetsItsSquaresFallSlowly) {
  Vectors adam = initial_states(chosen("adam"), 1), yogi = adam;
  std::vector<float> a = {0.0f}, y = {0.0f};
  for (int round = 0; round < 200; ++round) {
    const std::vector<double> mean = {round == 0 ? 10.0 : 0.01};
    step(chosen("adam"), mean, a, adam);
    step(chosen("yogi"), mean, y, yogi);
  }
  EXPECT_NEAR(static_cast<double>(adam[1][0]), std::pow(0.99, 199), 1e-3);
  EXPECT_NEAR(static_cast<double>(yogi[1][0]), 1.0 - 199 * 0.01 * 1e-4, 1e-5);
}

TEST(ServerOptimizer, TheScheduleMultipliesTheRateOfItsRound) {
  const Layout layout{{{"w", {1}}}};
  AggregationSpec spec;
  spec.server_optimizer = {"sgd", {{"learning_rate", 0.5}}};
  spec.schedule = {"step",
                   {{"decay", 0.5}, {"every", std::int64_t{2}}, {"warmup", std::int64_t{1}}}};
  spec.planned_rounds = 6;
  const Model base{layout, {0.0f}}, update{layout, {8.0f}};
  auto aggregate = *RoundAggregate::open(spec, layout, 1);
  ModelSource values(update);
  ASSERT_TRUE(aggregate->add(values, 3));
  std::vector<float> weights;
  for (RoundNumber round = 1; round <= 6; ++round) {
    Model next{layout, {}};
    ModelSource from(base);
    ModelSink to(next);
    ASSERT_TRUE(aggregate->finish({from, to}, round));
    weights.push_back(next.values[0]);
  }
  EXPECT_EQ(weights, (std::vector<float>{2.0f, 4.0f, 4.0f, 2.0f, 2.0f, 1.0f}));
}

TEST(ServerOptimizer, AStateOfAnotherShapeIsRefused) {
  const Layout layout{{{"w", {2}}}};
  AggregationSpec spec;
  spec.server_optimizer = chosen("adagrad");
  auto aggregate = *RoundAggregate::open(spec, layout, 1);
  const Model base{layout, {0.0f, 0.0f}}, other{Layout{{{"v", {2}}}}, {0.0f, 0.0f}};
  ModelSource update(base);
  ASSERT_TRUE(aggregate->add(update, 1));
  Model next{layout, {}}, next_state = next;
  ModelSource from(base), state(other);
  ModelSink to(next), to_state(next_state);
  const auto refused = aggregate->finish({from, to, {&state}, {&to_state}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDataLoss);
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/round_aggregate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/base/random_source.h"
#include "common/tensor/update_encoding.h"
#include "common/tensor/update_reader.h"
#include "tests/unit/coordinator/aggregation/threads.h"

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

void add(RoundAggregate& aggregate, const Model& update, std::uint64_t examples) {
  ModelSource values(update);
  ASSERT_TRUE(aggregate.add(values, examples));
}

struct Finished {
  Model model;
  std::optional<Model> state;
  AggregateOutcome outcome;
};
Result<Finished> finish(const RoundAggregate& aggregate, const Model& base,
                        const std::optional<Model>& state = {}) {
  Finished finished{{base.layout, {}}, {}, {}};
  Model next{base.layout, {}};
  ModelSource from(base);
  ModelSink model(finished.model), next_state(next);
  RoundStreams streams{from, model};
  std::optional<ModelSource> before;
  if (state) streams.states.push_back(&before.emplace(*state));
  if (!aggregate.states().empty()) streams.next_states.push_back(&next_state);
  TRIB_TRY(outcome, aggregate.finish(streams));
  finished.outcome = outcome;
  if (!streams.next_states.empty()) finished.state = next;
  return finished;
}

TEST(RoundAggregate, WeighsByExamplesUpToTheCap) {
  AggregationSpec spec = plain();
  spec.example_cap = 100;
  auto aggregate = *RoundAggregate::open(spec, kLayout, 3);
  add(*aggregate, model(1.0f, 0.0f, -2.0f), 50);
  add(*aggregate, model(4.0f, 0.25f, 1.0f), 1'000'000);  // counts as 100
  const auto outcome = finish(*aggregate, model(10.0f, 20.0f, 30.0f));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->outcome.examples, 1'000'050u);
  const double a = (50.0 * 1.0 + 100.0 * 4.0) / 150.0, b = 100.0 * 0.25 / 150.0,
               c = (50.0 * -2.0 + 100.0) / 150.0;
  EXPECT_EQ(outcome->model.values,
            (std::vector<float>{static_cast<float>(10.0 + a), static_cast<float>(20.0 + b),
                                static_cast<float>(30.0 + c)}));
  EXPECT_NEAR(outcome->outcome.update_norm, std::sqrt(a * a + b * b + c * c), 1e-12);
  EXPECT_FALSE(outcome->state.has_value());
}

TEST(RoundAggregate, MomentumKeepsItsVelocityBetweenRounds) {
  AggregationSpec spec;
  spec.server_optimizer = {"momentum", {{"learning_rate", 0.5}, {"beta", 0.9}}};
  Model global = model(0.0f, 0.0f, 0.0f);
  std::optional<Model> state;
  double velocity = 0.0, weight = 0.0;  // reference in double
  for (int round = 1; round <= 5; ++round) {
    auto aggregate = *RoundAggregate::open(spec, kLayout, 1);
    add(*aggregate, model(static_cast<float>(round), 0.0f, 0.0f), 7);
    auto outcome = finish(*aggregate, global, state);
    ASSERT_TRUE(outcome);
    global = outcome->model;
    state = outcome->state;
    velocity = 0.9 * velocity + round;
    weight += 0.5 * velocity;
    EXPECT_NEAR(static_cast<double>(global.values[0]), weight, 1e-5);
  }
}

TEST(RoundAggregate, CanBeFinishedTwice) {
  auto aggregate = *RoundAggregate::open(plain(), kLayout, 2);
  add(*aggregate, model(1.0f, 2.0f, 3.0f), 5);
  const Model base = model(0.0f, 0.0f, 0.0f);
  EXPECT_EQ(finish(*aggregate, base)->model, finish(*aggregate, base)->model);
}

TEST(RoundAggregate, RefusesUnknownPluginsNothingAndInfinity) {
  AggregationSpec spec;
  spec.rule.name = "mean";
  EXPECT_THAT(RoundAggregate::open(spec, kLayout, 1).error().message,
              HasSubstr("there are: weighted_mean, median"));
  auto aggregate = *RoundAggregate::open(plain(), kLayout, 1);
  EXPECT_FALSE(finish(*aggregate, model(0, 0, 0)));
  add(*aggregate, model(1.0f, 0.0f, 0.0f), 1);
  EXPECT_THAT(finish(*aggregate, model(INFINITY, 0.0f, 0.0f)).error().message,
              HasSubstr("not finite"));
}

// More than one block, and a block that is not full; in float64, one after another.
TEST(RoundAggregate, BlocksMakeNoDifference) {
  const Layout large{{{"w", {40'000}}}};
  AggregationSpec spec;
  spec.server_optimizer = {"momentum", {{"learning_rate", 0.5}, {"beta", 0.9}}};
  Model base{large, std::vector<float>(40'000)}, state = base, update = base;
  for (std::size_t i = 0; i < 40'000; ++i) {
    base.values[i] = static_cast<float>(i) / 64.0f;
    state.values[i] = static_cast<float>(i % 7);
    update.values[i] = static_cast<float>(i % 5) - 2.0f;
  }
  auto aggregate = *RoundAggregate::open(spec, large, 1);
  add(*aggregate, update, 3);
  for (const bool first : {true, false}) {
    const auto finished = finish(*aggregate, base, first ? std::optional<Model>() : state);
    ASSERT_TRUE(finished);
    ASSERT_EQ(finished->model.values.size(), 40'000u);
    for (std::size_t i = 0; i < 40'000; ++i) {
      const double velocity = static_cast<double>(
          static_cast<float>(0.9 * (first ? 0.0 : static_cast<double>(state.values[i])) +
                             static_cast<double>(update.values[i])));
      ASSERT_EQ(finished->model.values[i],
                static_cast<float>(static_cast<double>(base.values[i]) + 0.5 * velocity))
          << i;
    }
  }
}

// More than one run of values, from a file in each encoding that is not decoded first, and in
// order.
TEST(RoundAggregate, EveryNumberOfThreadsGivesTheSameBits) {
  constexpr std::size_t kCount = (1u << 20) + 70'000;
  const Layout large{{{"a", {1'000'000}}, {"b", {kCount - 1'000'000}}}};
  SeededRandom random(11);
  std::vector<float> values(kCount);
  // Multiples of 1/256, with the largest in every block of int8: all encodings have them exactly.
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto steps = i % 512 == 0 ? 127 : static_cast<int>(random.uniform_below(255)) - 127;
    values[i] = static_cast<float>(steps) / 256.0f;
  }
  const Model base{large, std::vector<float>(kCount)};
  for (const std::string encoding : {"fp32", "fp16", "int8"}) {
    const Bytes file = *encode_update({.name = encoding}, large, values, 1);
    const ReadAt read_at = [&file](std::uint64_t offset, MutableByteView into) {
      std::ranges::copy(ByteView(file).subspan(offset, into.size()), into.begin());
      return Status();
    };
    for (const std::size_t threads : {1u, 2u, 3u, 7u}) {
      auto aggregate = *RoundAggregate::open(plain(), large, 1, 0, on_threads(threads));
      const auto opened = open_update(read_at, file.size());
      ASSERT_TRUE(aggregate->add(*opened->values, 3));
      // Of one update the mean is the update.
      ASSERT_EQ(finish(*aggregate, base)->model.values, values) << encoding << ", " << threads;
    }
  }
}

TEST(RoundAggregate, AnUpdateThatEndsTooSoonIsAnError) {
  auto aggregate = *RoundAggregate::open(plain(), kLayout, 1);
  const Model cut{kLayout, {1.0f, 2.0f}};
  ModelSource values(cut);
  EXPECT_FALSE(aggregate->add(values, 1));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Families for sequences, on tasks that a model without memory, order or attention cannot do; and
// what no place may know.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/learning/family_tasks.h"
#include "tests/unit/client/learning/model_kinds.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using Sizes = std::vector<std::int64_t>;

float id_below(RandomSource& random, std::uint64_t first, std::uint64_t end) {
  return static_cast<float>(first + random.uniform_below(end - first));
}

// The first of 8 tokens says what the answer is; the others say nothing.
TEST(SequenceFamilies, AnLstmRemembersTheFirstToken) {
  const JobSpec job = family_job(
      "rnn",
      {{"vocabulary", std::int64_t{8}}, {"width", std::int64_t{8}}, {"hidden", std::int64_t{16}}},
      TargetKind::kBinary);
  const auto fill = [](RandomSource& random, float* inputs, ExampleSet& data) {
    for (int place = 0; place < 8; ++place) inputs[place] = id_below(random, 1, 8);
    data.labels.push_back(static_cast<std::int64_t>(inputs[0]) % 2);
  };
  JobSpec fast = job;
  fast.train.optimizer = choose(client_optimizers(), "adam", {{"learning_rate", 0.02}});
  const Model model = trained_on(fast, made_rows(job, {8}, 600, 1, fill), 15);
  EXPECT_GT(share_right(job, model, made_rows(job, {8}, 500, 2, fill)), 0.95);
}

// Hochreiter and Schmidhuber's adding problem: the sum of the two numbers that are marked. Whoever
// says 1 always has a mean squared error of 1/6.
TEST(SequenceFamilies, AGruAddsTheTwoNumbersThatAreMarked) {
  JobSpec job = family_job("rnn", {{"cell", std::string("gru")}, {"hidden", std::int64_t{24}}},
                           TargetKind::kRegression);
  job.train.optimizer = choose(client_optimizers(), "adam", {{"learning_rate", 0.01}});
  const auto fill = [](RandomSource& random, float* inputs, ExampleSet& data) {
    for (int step = 0; step < 12; ++step) inputs[2 * step] = static_cast<float>(random.uniform());
    const auto first = random.uniform_below(6), second = 6 + random.uniform_below(6);
    inputs[2 * first + 1] = inputs[2 * second + 1] = 1.0F;
    data.targets.push_back(inputs[2 * first] + inputs[2 * second]);
  };
  const Model model = trained_on(job, made_rows(job, {12, 2}, 800, 1, fill), 15);
  EXPECT_LT(loss_on(job, model, made_rows(job, {12, 2}, 500, 2, fill)), 0.03);
}

OptionMap small_transformer(std::int64_t vocabulary) {
  return {{"vocabulary", vocabulary},        {"width", std::int64_t{32}},
          {"heads", std::int64_t{2}},        {"layers", std::int64_t{1}},
          {"feedforward", std::int64_t{64}}, {"dropout", 0.0}};
}

// Both tokens stand in each text: which comes first is the answer.
TEST(SequenceFamilies, ATransformerSeesTheOrderOfTokens) {
  OptionMap options = small_transformer(9);
  const JobSpec job = family_job("transformer", options, TargetKind::kBinary);
  const auto fill = [](RandomSource& random, float* inputs, ExampleSet& data) {
    for (int place = 0; place < 10; ++place) inputs[place] = id_below(random, 3, 9);
    const auto first = random.uniform_below(5), second = 5 + random.uniform_below(5);
    const bool swapped = random.uniform_below(2) == 0;
    inputs[first] = swapped ? 2.0F : 1.0F;
    inputs[second] = swapped ? 1.0F : 2.0F;
    data.labels.push_back(swapped ? 1 : 0);
  };
  const Model model = trained_on(job, made_rows(job, {10}, 600, 1, fill), 12);
  EXPECT_GT(share_right(job, model, made_rows(job, {10}, 500, 2, fill)), 0.95);
}

// Four tokens, again and again: all but the first four are known, so that 13 of 16 places and one
// in eight of the others can be right.
TEST(SequenceFamilies, ACausalTransformerContinuesAPattern) {
  JobSpec job = family_job("transformer", small_transformer(9), TargetKind::kTokens);
  job.data.classes = 9;
  job.data.target_shape = {16};
  const auto fill = [](RandomSource& random, float* inputs, ExampleSet& data) {
    for (int place = 0; place < 4; ++place) inputs[place] = id_below(random, 1, 9);
    for (int place = 4; place < 16; ++place) inputs[place] = inputs[place - 4];
    for (int place = 1; place <= 16; ++place)
      data.labels.push_back(static_cast<std::int64_t>(inputs[place < 16 ? place : 12]));
  };
  const Model model = trained_on(job, made_rows(job, {16}, 500, 1, fill), 12);
  const ExampleSet others = made_rows(job, {16}, 300, 2, fill);
  EXPECT_GT(share_right(job, model, others), 0.8);
  // In nats a token: three places of 16 at log 8, the others at nothing, is 0.39.
  EXPECT_LT(loss_on(job, model, others), 0.6);
}

constexpr std::int64_t kSource = 6, kTarget = 7, kStart = 1, kEnd = 2;

// [text, padded | start, its reverse]; what is to be told is the reverse, then the end.
void fill_reversed(RandomSource& random, float* inputs, ExampleSet& data) {
  const std::size_t tokens = 3 + random.uniform_below(4);
  for (std::size_t i = 0; i < tokens; ++i) inputs[i] = id_below(random, 4, 12);
  float* target = inputs + kSource;
  target[0] = static_cast<float>(kStart);
  for (std::size_t i = 0; i < static_cast<std::size_t>(kTarget); ++i) {
    const bool told = i < tokens;
    data.labels.push_back(told          ? static_cast<std::int64_t>(inputs[tokens - 1 - i])
                          : i == tokens ? kEnd
                                        : -1);
    if (told)
      target[i + 1 < static_cast<std::size_t>(kTarget) ? i + 1 : i] = inputs[tokens - 1 - i];
  }
}

JobSpec translator_job() {
  OptionMap options = small_transformer(12);
  options["source_length"] = kSource;
  JobSpec job = family_job("translator", options, TargetKind::kTokens);
  job.data.classes = 12;
  job.data.target_shape = {kTarget};
  job.train.optimizer = choose(client_optimizers(), "adam", {{"learning_rate", 0.005}});
  return job;
}

TEST(SequenceFamilies, ATranslatorWritesTextsBackwards) {
  const JobSpec job = translator_job();
  const Model model =
      trained_on(job, made_rows(job, {kSource + kTarget}, 1500, 1, fill_reversed), 12);
  const ExampleSet others = made_rows(job, {kSource + kTarget}, 300, 2, fill_reversed);
  EXPECT_GT(share_right(job, model, others), 0.95);
}

// What a model gives for one row, from weights that are off their initial values.
torch::Tensor outputs_of(const Kind& kind, const std::vector<float>& row,
                         const std::function<void(TorchModel&)>& change = {}) {
  const TorchModelPtr model = model_of(job_of(kind), kind.shape);
  model->set_training(false);
  const torch::NoGradGuard plain;
  if (change) change(*model);
  return model->forward(torch::tensor(row).reshape(batch_shape(1, kind.shape)));
}

OptionMap with(OptionMap options, const OptionMap& more) {
  for (const auto& [name, value] : more) options[name] = value;
  return options;
}

TEST(SequenceFamilies, NoPlaceKnowsWhatComesBehindIt) {
  const OptionMap ids = {{"vocabulary", std::int64_t{7}}, {"width", std::int64_t{4}}};
  const std::vector<Kind> causal = {
      {"transformer", "transformer", small_attention(7, "learned"), {6}, TargetKind::kTokens},
      {"rnn", "rnn", with(ids, {{"layers", std::int64_t{2}}}), {6}, TargetKind::kTokens},
      {"translator",
       "translator",
       with(small_attention(7, "sinusoidal"), {{"source_length", std::int64_t{3}}}),
       {9},
       TargetKind::kTokens}};
  for (const Kind& kind : causal) {
    SCOPED_TRACE(kind.name);
    const std::size_t source = kind.name == "translator" ? 3 : 0;
    std::vector<float> row = {3, 5, 1, 6, 2, 4, 3, 5, 2};
    row.resize(static_cast<std::size_t>(kind.shape[0]));
    const torch::Tensor before = outputs_of(kind, row);
    for (std::size_t place = source; place < row.size(); ++place) {
      std::vector<float> other = row;
      other[place] = other[place] == 1.0F ? 2.0F : 1.0F;
      const torch::Tensor after = outputs_of(kind, other);
      const auto ahead = static_cast<std::int64_t>(place - source);
      EXPECT_TRUE(torch::equal(after.narrow(2, 0, ahead), before.narrow(2, 0, ahead))) << place;
      EXPECT_FALSE(torch::equal(after, before)) << place;
    }
  }
}

// Neither the vector of padding, nor how much of it there is.
TEST(SequenceFamilies, PaddingChangesNothing) {
  const OptionMap rnn = {{"vocabulary", std::int64_t{7}},
                         {"width", std::int64_t{4}},
                         {"hidden", std::int64_t{5}},
                         {"layers", std::int64_t{2}}};
  const OptionMap attention = small_attention(7, "sinusoidal");
  const std::vector<Kind> all = {
      {"last place", "rnn", rnn, {4}, TargetKind::kClasses},
      {"both ways", "rnn", with(rnn, {{"bidirectional", true}}), {4}, TargetKind::kClasses},
      {"mean", "transformer", attention, {4}, TargetKind::kClasses},
      {"first",
       "transformer",
       with(attention, {{"pool", std::string("first")}}),
       {4},
       TargetKind::kClasses}};
  for (const Kind& kind : all) {
    SCOPED_TRACE(kind.name);
    const torch::Tensor bare = outputs_of(kind, {3, 5, 1, 6});
    Kind longer = kind;
    longer.shape = {7};
    const torch::Tensor padded = outputs_of(longer, {3, 5, 1, 6, 0, 0, 0});
    EXPECT_LT((padded - bare).abs().max().item<float>(), 1e-6F);
    const torch::Tensor other = outputs_of(longer, {3, 5, 1, 6, 0, 0, 0}, [](TorchModel& model) {
      ASSERT_EQ(model.tensors[0].name, "embedding.weight");
      model.tensors[0].tensor[0].fill_(9.0F);
    });
    EXPECT_TRUE(torch::equal(other, padded));
  }
}

TEST(SequenceFamilies, PaddingOfATextChangesNothingOfItsTranslation) {
  const auto translator = [](std::int64_t source) {
    return Kind{"translator",
                "translator",
                with(small_attention(7, "sinusoidal"), {{"source_length", source}}),
                {source + 3},
                TargetKind::kTokens};
  };
  const torch::Tensor bare = outputs_of(translator(3), {3, 5, 6, 1, 4, 5});
  const torch::Tensor padded = outputs_of(translator(5), {3, 5, 6, 0, 0, 1, 4, 5});
  EXPECT_LT((padded - bare).abs().max().item<float>(), 1e-6F);
  const torch::Tensor other = outputs_of(translator(3), {3, 4, 6, 1, 4, 5});
  EXPECT_GT((other - bare).abs().max().item<float>(), 1e-4F) << "the decoder reads the text";
}

TEST(SequenceFamilies, WhatDoesNotFitIsRefusedWithTheRemedy) {
  const auto refusal = [](const Kind& kind) {
    const auto made = initial_model(job_of(kind), kind.shape, {});
    EXPECT_FALSE(made) << kind.name;
    return made ? std::string() : made.error().message;
  };
  const OptionMap ids = {{"vocabulary", std::int64_t{7}}};
  EXPECT_THAT(refusal({"", "rnn", ids, {4, 2}, TargetKind::kClasses}), HasSubstr("[length]"));
  EXPECT_THAT(refusal({"", "rnn", {}, {4}, TargetKind::kClasses}), HasSubstr("[steps, features]"));
  EXPECT_THAT(refusal({"", "rnn", with(ids, {{"bidirectional", true}}), {4}, TargetKind::kTokens}),
              HasSubstr("bidirectional: false"));
  EXPECT_THAT(
      refusal(
          {"", "transformer", with(ids, {{"heads", std::int64_t{3}}}), {4}, TargetKind::kClasses}),
      HasSubstr("heads: 3 does not divide width: 128"));
  EXPECT_THAT(refusal({"", "transformer", ids, {100'000}, TargetKind::kClasses}),
              HasSubstr("at most 16384"));
  EXPECT_THAT(refusal({"",
                       "translator",
                       with(ids, {{"source_length", std::int64_t{4}}}),
                       {4},
                       TargetKind::kTokens}),
              HasSubstr("source_length"));
  EXPECT_THAT(refusal({"", "translator", ids, {90}, TargetKind::kClasses}),
              HasSubstr("data.task: tokens"));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// The family for rows of ids, on a task of which the answer is known: a text is positive where more
// of its tokens have an odd id than an even one. Nothing but the id tells, so that each vector has
// to be learned. No Torch in this file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/learning/learner.h"
#include "common/base/random_source.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kLength = 21, kVocabulary = 60;

JobSpec bag_job() {
  JobSpec job;
  job.seed = 5;
  job.model = choose(model_families(), "embedding_bag",
                     {{"vocabulary", kVocabulary},
                      {"width", std::int64_t{2}},
                      {"hidden", std::vector<std::int64_t>{}}});
  job.train.optimizer = choose(client_optimizers(), "adam", {{"learning_rate", 0.05}});
  job.train.batch_size = 32;
  return job;
}

// Texts of 5, 7, ... tokens, filled up with padding.
ExampleSet texts(std::int64_t rows, std::uint64_t seed) {
  SeededRandom random(seed);
  ExampleSet data{{kLength}, rows, {}, {}, {}};
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto tokens = static_cast<std::int64_t>(5 + 2 * random.uniform_below(9));
    std::int64_t odd = 0;
    for (std::int64_t place = 0; place < kLength; ++place) {
      const auto id = place < tokens ? 1 + random.uniform_below(kVocabulary - 1) : 0;
      odd += static_cast<std::int64_t>(id % 2);
      data.inputs.push_back(static_cast<float>(id));
    }
    data.labels.push_back(2 * odd > tokens ? 1 : 0);
  }
  return data;
}

double share_right(const JobSpec& job, const Model& model) {
  const auto counts = evaluate(job, model, texts(2000, 99), 1, {});
  EXPECT_TRUE(counts) << counts.error().message;
  return static_cast<double>(counts->correct) / static_cast<double>(counts->examples);
}

// Three sites, each with rows of its own; the mean of their updates, round after round.
Model trained_by_sites(const JobSpec& job, RoundNumber rounds) {
  Model model = *initial_model(job, {kLength}, {});
  for (RoundNumber round = 1; round <= rounds; ++round) {
    const Model global = model;
    for (std::uint64_t site = 1; site <= 3; ++site) {
      const ExampleSet rows = texts(400, site);
      const auto trained =
          train(TrainRequest{job, round, global, rows, round * 8 + site, 1, {}, {}, {}});
      EXPECT_TRUE(trained) << trained.error().message;
      for (std::size_t i = 0; i < model.values.size(); ++i)
        model.values[i] += trained->update.values[i] / 3;
    }
  }
  return model;
}

TEST(EmbeddingBag, SitesTogetherLearnWhatATokenMeans) {
  const JobSpec job = bag_job();
  const double before = share_right(job, *initial_model(job, {kLength}, {}));
  EXPECT_LT(before, 0.65) << "or there is nothing to learn";
  EXPECT_GT(share_right(job, trained_by_sites(job, 15)), 0.99);
}

TEST(EmbeddingBag, LearnsUnderPrivacyOfRecords) {
  JobSpec job = bag_job();
  job.train.batch_size = 200;
  job.train.epochs = 4;
  job.privacy.records = {.clip = 1, .noise_multiplier = 0.6, .delta = 1e-5, .max_epsilon = 1000};
  EXPECT_GT(share_right(job, trained_by_sites(job, 15)), 0.9);
}

TEST(EmbeddingBag, TheSeedMakesTheBits) {
  JobSpec job = bag_job();
  const Model first = trained_by_sites(job, 2);
  EXPECT_EQ(trained_by_sites(job, 2), first);
  job.seed = 6;
  EXPECT_NE(trained_by_sites(job, 2), first);
}

TEST(EmbeddingBag, TokensThatNoRowHasStayAsTheyWere) {
  const JobSpec job = bag_job();
  const Model global = *initial_model(job, {kLength}, {});
  const ExampleSet one = texts(1, 1);
  const auto trained = train(TrainRequest{job, 1, global, one, 1, 1, {}, {}, {}});
  ASSERT_TRUE(trained) << trained.error().message;
  for (std::size_t id = 0; id < kVocabulary; ++id) {
    const bool there = id != 0 && std::ranges::count(one.inputs, static_cast<float>(id)) > 0;
    EXPECT_EQ(trained->update.values[2 * id] != 0, there) << "id " << id;
  }
}

TEST(EmbeddingBag, WhatIsNoIdIsRefused) {
  const JobSpec job = bag_job();
  const Model global = *initial_model(job, {kLength}, {});
  for (const float wrong : {-1.0F, 0.5F, 60.0F, std::numeric_limits<float>::quiet_NaN()}) {
    ExampleSet rows = texts(4, 1);
    rows.inputs[30] = wrong;
    const auto trained = train(TrainRequest{job, 1, global, rows, 1, 1, {}, {}, {}});
    ASSERT_FALSE(trained) << wrong;
    EXPECT_THAT(trained.error().message, HasSubstr("an input is no id from 0 to 59"));
    EXPECT_FALSE(evaluate(job, global, rows, 1, {})) << wrong;
  }
  const auto pictures = initial_model(job, {1, 8, 8}, {});
  ASSERT_FALSE(pictures);
  EXPECT_THAT(pictures.error().message, HasSubstr("shape [length]"));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Small tasks of which the answer is known, and a site that trains on them: what tests of families
// have in common.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "client/learning/learner.h"
#include "common/base/random_source.h"
#include "tests/support/plugin_choice.h"

namespace tributary {

inline JobSpec family_job(const std::string& family, OptionMap options, TargetKind target) {
  JobSpec job;
  job.seed = 5;
  job.model = choose(model_families(), family, std::move(options));
  job.data.target = target;
  job.train.optimizer = choose(client_optimizers(), "adam", {{"learning_rate", 0.003}});
  job.train.batch_size = 32;
  return job;
}

// Rows of which `fill` writes one: the inputs, then labels or targets.
using FillRow = std::function<void(RandomSource& random, float* inputs, ExampleSet& data)>;
inline ExampleSet made_rows(const JobSpec& job, std::vector<std::int64_t> shape, std::int64_t rows,
                            std::uint64_t seed, const FillRow& fill) {
  ExampleSet data{std::move(shape), rows, {}, {}, {}, job.data.target_shape};
  std::size_t width = 1;
  for (const std::int64_t size : data.input_shape) width *= static_cast<std::size_t>(size);
  data.inputs.assign(width * static_cast<std::size_t>(rows), 0.0F);
  SeededRandom random(seed);
  for (std::int64_t row = 0; row < rows; ++row)
    fill(random, data.inputs.data() + static_cast<std::size_t>(row) * width, data);
  return data;
}

inline Model trained_on(JobSpec job, const ExampleSet& data, std::int64_t epochs) {
  job.train.epochs = epochs;
  Model model = *initial_model(job, data.input_shape, {});
  const auto trained = train({job, 1, model, data, 3, 1, {}, {}, {}});
  EXPECT_TRUE(trained) << (trained ? "" : trained.error().message);
  if (!trained) return model;
  for (std::size_t i = 0; i < model.values.size(); ++i)
    model.values[i] += trained->update.values[i];
  return model;
}

inline EvaluationCounts counts_on(const JobSpec& job, const Model& model, const ExampleSet& data) {
  const auto counts = evaluate(job, model, data, 1, {});
  EXPECT_TRUE(counts) << (counts ? "" : counts.error().message);
  return counts ? *counts : EvaluationCounts{};
}
// Of the labels, how many are right.
inline double share_right(const JobSpec& job, const Model& model, const ExampleSet& data) {
  const EvaluationCounts counts = counts_on(job, model, data);
  return static_cast<double>(counts.correct) / static_cast<double>(labels_of(counts));
}
inline double loss_on(const JobSpec& job, const Model& model, const ExampleSet& data) {
  return figures_of(counts_on(job, model, data)).loss;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// An audit (Jagielski et al. 2020, arXiv 2006.07709): many small trainings with one record more or
// less, a test that tells the two apart, and what epsilon its errors prove at least. It has to stay
// below what the accountant claims; and it has to exceed that where the noise is missing, or it
// would find nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "client/learning/learner.h"
#include "client/learning/record_privacy.h"
#include "common/privacy/accounting/calibration.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

constexpr int kTrainings = 1500;  // of each kind, half of which choose the threshold
constexpr double kDelta = 0.01;
constexpr double kDoubt = 1e-4;  // of each bound

// Of `count` trials that each succeed with probability `p`, at most `successes` do.
double at_most(int successes, int count, double p) {
  double total = 0;
  for (int k = 0; k <= successes; ++k) {
    total +=
        std::exp(std::lgamma(count + 1.0) - std::lgamma(k + 1.0) - std::lgamma(count - k + 1.0) +
                 k * std::log(p) + (count - k) * std::log1p(-p));
  }
  return total;
}

// Clopper and Pearson's upper bound of a probability.
double upper_bound(int successes, int count) {
  double low = 0, high = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (at_most(successes, count, middle) > kDoubt ? low : high) = middle;
  }
  return high;
}
double lower_bound(int successes, int count) { return 1 - upper_bound(count - successes, count); }

JobSpec audited_job() {
  JobSpec job;
  job.model = {"logistic", {}};
  job.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", 1.0}});
  job.train.batch_size = 0;
  job.train.steps = 1;
  job.privacy.records = {.clip = 1, .noise_multiplier = 1, .delta = kDelta, .max_epsilon = 100};
  return job;
}

// A few records, and one that alone has a value in the second column: as far as a clipped gradient
// can move anything.
ExampleSet records(bool with_canary) {
  ExampleSet data{{2}, 8, {}, {}, {}};
  for (int i = 0; i < 8; ++i) {
    data.inputs.insert(data.inputs.end(), {i % 2 == 0 ? 1.0F : -1.0F, 0.0F});
    data.labels.push_back(i % 2);
  }
  if (with_canary) {
    data.inputs.insert(data.inputs.end(), {0.0F, 50.0F});
    data.labels.push_back(1);
    ++data.rows;
  }
  return data;
}

// What the update tells of the canary, by many trainings.
std::vector<double> scores(const JobSpec& job, bool with_canary) {
  const ExampleSet data = records(with_canary);
  Model global = *initial_model(job, {2}, {});
  std::ranges::fill(global.values, 0.0F);
  std::vector<double> found;
  for (int i = 0; i < kTrainings; ++i) {
    const auto trained = train({job, 1, global, data, 7, 1, {}, {}, {}});
    EXPECT_TRUE(trained) << trained.error().message;
    const std::uint64_t batch = planned_batch(job.train, static_cast<std::uint64_t>(data.rows));
    found.push_back(static_cast<double>(trained->update.values[1]) * static_cast<double>(batch));
  }
  return found;
}

int above(std::span<const double> scores, double threshold) {
  return static_cast<int>(
      std::ranges::count_if(scores, [threshold](double one) { return one > threshold; }));
}

double proven(int hits, int false_alarms, int count) {
  return std::log(std::max(1e-12, lower_bound(hits, count) - kDelta) /
                  upper_bound(false_alarms, count));
}

// The least epsilon with which so few errors are possible, but by a chance of 2 kDoubt.
double epsilon_at_least(const JobSpec& job) {
  const std::vector<double> in = scores(job, true), out = scores(job, false);
  const std::span<const double> all_in(in), all_out(out);
  constexpr int kHalf = kTrainings / 2;
  double best = -1e9, threshold = 0;
  for (double at = -1; at < 4; at += 0.05) {
    const double here =
        proven(above(all_in.first(kHalf), at), above(all_out.first(kHalf), at), kHalf);
    if (here > best) best = here, threshold = at;
  }
  return proven(above(all_in.subspan(kHalf), threshold), above(all_out.subspan(kHalf), threshold),
                kHalf);
}

double claimed(const JobSpec& job) {
  const auto epsilon = epsilon_of({training_event(*job.privacy.records, job.train, 9)},
                                  Adjacency::kAddOrRemoveOne, kDelta, DpAccounting::kPld);
  EXPECT_TRUE(epsilon);
  return epsilon ? *epsilon : 0;
}

TEST(PrivacyAudit, BoundsAreThoseOfTheBinomialDistribution) {
  // With no success p is below 1 - doubt^(1/n); that of 5 of 10 has both bounds the same way off.
  EXPECT_NEAR(upper_bound(0, 100), 1 - std::pow(kDoubt, 0.01), 1e-9);
  EXPECT_NEAR(lower_bound(100, 100), std::pow(kDoubt, 0.01), 1e-9);
  EXPECT_NEAR(upper_bound(5, 10) + lower_bound(5, 10), 1, 1e-9);
}

TEST(PrivacyAudit, WhatTrainingsTellStaysBelowTheClaim) {
  JobSpec job = audited_job();
  EXPECT_LT(epsilon_at_least(job), claimed(job));
  job.train.batch_size = 4;
  job.train.steps = 3;
  EXPECT_LT(epsilon_at_least(job), claimed(job));
}

// So the audit is not blind: what it finds of too little noise is beyond the claim by far.
TEST(PrivacyAudit, AMechanismWithTooLittleNoiseIsFound) {
  const JobSpec promised = audited_job();
  JobSpec broken = promised;
  broken.privacy.records->noise_multiplier = 0.2;
  EXPECT_GT(epsilon_at_least(broken), claimed(promised));
  broken.privacy.records.reset();
  EXPECT_GT(epsilon_at_least(broken), claimed(promised)) << "plain training";
}

}  // namespace
}  // namespace tributary

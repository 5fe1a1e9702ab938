// SPDX-License-Identifier: Apache-2.0
// What whoever sees an update can make of it: records and label counts that come back from plain
// updates, by attacks that are published, and that do not from those under privacy.records.
#include <gtest/gtest.h>

#include "tests/unit/client/learning/attacks.h"

namespace tributary {
namespace {

TEST(RedTeam, ARecordComesBackFromThePlainGradientOfTheFirstLayer) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const JobSpec job = attacked_job("mlp", TargetKind::kBinary, false);
    const Model global = *initial_model(job, {kColumns}, {});
    const ExampleSet data = normal_rows(1, 2, seed);
    EXPECT_LT(error_of(inverted(seen(job, global, data)), data), 1e-6);
  }
}

TEST(RedTeam, UnderPrivacyOfRecordsThatInversionIsAGuess) {
  const JobSpec job = attacked_job("mlp", TargetKind::kBinary, true);
  const Model global = *initial_model(job, {kColumns}, {});
  std::vector<double> errors;
  for (std::uint64_t seed = 1; seed <= 41; ++seed) {
    const ExampleSet data = normal_rows(1, 2, seed);
    errors.push_back(error_of(inverted(seen(job, global, data)), data));
  }
  EXPECT_GT(median(errors), kBaseline);
}

TEST(RedTeam, DeepLeakageFindsTheRecordInAPlainUpdateAndNoneInANoisyOne) {
  std::vector<double> plain, noisy;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const ExampleSet data = normal_rows(1, 2, seed);
    for (const bool is_private : {false, true}) {
      const JobSpec job = attacked_job("mlp", TargetKind::kBinary, is_private);
      const Model global = *initial_model(job, {kColumns}, {});
      DeepLeakage attack(global, seen(job, global, data));
      (is_private ? noisy : plain).push_back(error_of(attack.guess(100 + seed), data));
    }
  }
  EXPECT_LT(*std::ranges::max_element(plain), 1e-2);
  EXPECT_GT(median(noisy), kBaseline);
}

TEST(RedTeam, LabelCountsComeBackFromAPlainUpdateAndNotFromANoisyOne) {
  constexpr std::int64_t kRows = 8;
  int exact_plain = 0, exact_noisy = 0;
  double noisy = 0, guessed = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const ExampleSet data = normal_rows(kRows, kClasses, seed);
    std::vector<double> truth(kClasses, 0);
    for (const std::int64_t label : data.labels) truth[static_cast<std::size_t>(label)] += 1;
    for (const bool is_private : {false, true}) {
      const JobSpec job = attacked_job("logistic", TargetKind::kClasses, is_private);
      Model global = *initial_model(job, {kColumns}, {});
      std::ranges::fill(global.values, 0.0F);
      const std::vector<double> counts = label_counts(seen(job, global, data), kRows);
      bool exact = true;
      for (std::size_t label = 0; label < kClasses; ++label) {
        const double off = counts[label] - truth[label], prior = 2 - truth[label];
        exact = exact && std::abs(off) < 0.5;
        if (is_private) noisy += off * off, guessed += prior * prior;
      }
      (is_private ? exact_noisy : exact_plain) += exact ? 1 : 0;
    }
  }
  EXPECT_EQ(exact_plain, 20);
  EXPECT_LE(exact_noisy, 3);
  EXPECT_GT(noisy, 0.7 * guessed) << "hardly better than as many of each";
}

}  // namespace
}  // namespace tributary

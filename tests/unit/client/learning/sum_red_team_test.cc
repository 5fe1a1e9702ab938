// SPDX-License-Identifier: Apache-2.0
// The attacks of attacks.h on what leaves a site under privacy.secure_aggregation: on its masked
// bytes, and on the sum of five sites as if it were the update of one.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/unit/client/learning/attacks.h"
#include "tests/unit/client/sums/sum_round.h"

namespace tributary {
namespace {

constexpr std::size_t kSites = 5;
constexpr double kExampleCap = 100;

constexpr const char* kDocument = R"(name: attacked
model: {family: logistic}
data: {dataset: patients, task: binary, features: [age], label: sick, standardize: none}
train: {optimizer: {name: sgd, learning_rate: 1}}
rounds: {count: 3, minimum_sites: 5}
privacy: {secure_aggregation: {clip: 16.0}}
aggregate: {example_cap: 100}
)";

// Trainings of five sites on so many rows each, and what the coordinator gets of them, as
// gradients.
class Attacked : public SumRound {
 public:
  Attacked(const JobSpec& job, std::int64_t rows, std::int64_t classes, std::uint64_t seed)
      : SumRound(kDocument), global(*initial_model(job, {kColumns}, {})) {
    if (job.model.name == "logistic") std::ranges::fill(global.values, 0.0F);
    for (std::uint64_t site = 0; site < kSites; ++site) {
      data.push_back(normal_rows(rows, classes, kSites * seed + site));
      gradients.push_back(seen(job, global, data.back()));
      std::vector<float> update;
      for (const double value : gradients.back())
        update.push_back(static_cast<float>(-value * kRate));
      add_site(static_cast<std::uint64_t>(rows), std::move(update));
    }
    run();
    EXPECT_TRUE(unmask_);
    const SumFigures figures = figures_from(sum_->wide().first(kSumFigures));
    EXPECT_EQ(figures.clipped, 0u) << "or the attacks would fail for another reason";
    weight_ = static_cast<double>(figures.weight);
  }

  // Of the first site, as it would be sent if nothing hid it: rounded and weighted.
  std::vector<double> unmasked() const {
    std::vector<float> update;
    for (const double value : gradients[0]) update.push_back(static_cast<float>(-value * kRate));
    SecureRandom random;
    const double share = sum_weight(spec_, static_cast<std::uint64_t>(data[0].rows)).share;
    const auto coded = code_update(sum_coding(spec_, kSites), update, share, random);
    return gradient_in(coded->numbers, weight_ / kSites);
  }
  // As it is sent; made as long as its gradient is, which an attacker would have to guess.
  std::vector<double> masked() const {
    std::vector<double> gradient = gradient_in(inputs_.at(SiteName{"site-0"}), weight_ / kSites);
    double is = 0, was = 0;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      is += gradient[i] * gradient[i];
      was += gradients[0][i] * gradients[0][i];
    }
    for (double& value : gradient) value *= std::sqrt(was / is);
    return gradient;
  }
  // The sum's mean.
  std::vector<double> mean() const { return gradient_in(sum_->numbers(), weight_); }

  // Of the row of five that is nearest.
  double nearest(const std::vector<double>& guess) const {
    double least = error_of(guess, data[0]);
    for (const ExampleSet& row : data) least = std::min(least, error_of(guess, row));
    return least;
  }

  Model global;
  std::vector<ExampleSet> data;
  std::vector<std::vector<double>> gradients;

 private:
  // Numbers stand for the update times the share of example_cap that the rows are.
  std::vector<double> gradient_in(std::span<const std::uint32_t> numbers, double weight) const {
    std::vector<double> gradient = told_by(numbers);
    for (double& value : gradient) value *= -kExampleCap / weight / kRate;
    return gradient;
  }

  double weight_ = 0;
};

double total(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// Whoever guesses knows that the rows are normal.
std::vector<double> within_reason(std::vector<double> guess) {
  for (double& value : guess) value = std::clamp(value, -3.0, 3.0);
  return guess;
}

const std::vector<double> kMeanOfAll(kColumns, 0.0);  // the best guess without any update

TEST(SumRedTeam, DeepLeakageFindsTheRecordInAnUpdateAndNeitherInItsMaskedBytesNorInTheSum) {
  const JobSpec job = attacked_job("mlp", TargetKind::kBinary, false);
  std::vector<double> masked, summed, nearest, blind, blind_nearest;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Attacked sites(job, 1, 2, seed);
    const auto guess = [&](const std::vector<double>& gradient) {
      return within_reason(DeepLeakage(sites.global, gradient).guess(100 + seed));
    };
    EXPECT_LT(error_of(guess(sites.unmasked()), sites.data[0]), 1e-2) << "rounding hides nothing";
    masked.push_back(error_of(guess(sites.masked()), sites.data[0]));
    const std::vector<double> of_sum = guess(sites.mean());
    summed.push_back(error_of(of_sum, sites.data[0]));
    nearest.push_back(sites.nearest(of_sum));
    blind.push_back(error_of(kMeanOfAll, sites.data[0]));
    blind_nearest.push_back(sites.nearest(kMeanOfAll));
  }
  EXPECT_GT(median(masked), median(blind));
  EXPECT_GT(median(summed), median(blind));
  EXPECT_GT(median(nearest), median(blind_nearest)) << "of the five it is like none";
  EXPECT_GT(*std::ranges::min_element(nearest), 0.1) << "where 0.01 is a record that is found";
}

TEST(SumRedTeam, InversionOfTheFirstLayerIsAGuessToo) {
  const JobSpec job = attacked_job("mlp", TargetKind::kBinary, false);
  std::vector<double> masked, summed, nearest, blind, blind_nearest;
  for (std::uint64_t seed = 1; seed <= 21; ++seed) {
    const Attacked sites(job, 1, 2, seed);
    EXPECT_LT(error_of(inverted(sites.unmasked()), sites.data[0]), 1e-2);
    masked.push_back(error_of(within_reason(inverted(sites.masked())), sites.data[0]));
    const std::vector<double> of_sum = within_reason(inverted(sites.mean()));
    summed.push_back(error_of(of_sum, sites.data[0]));
    nearest.push_back(sites.nearest(of_sum));
    blind.push_back(error_of(kMeanOfAll, sites.data[0]));
    blind_nearest.push_back(sites.nearest(kMeanOfAll));
  }
  EXPECT_GT(total(masked), total(blind)) << "by chance once in a million";
  EXPECT_GT(median(summed), median(blind));
  EXPECT_GT(median(nearest), median(blind_nearest));
}

// The sum tells how many rows have each label at the five sites together, as it has to: it is their
// gradient. Of one site it tells no more than a fifth of that.
TEST(SumRedTeam, LabelCountsComeBackOfAllSitesTogetherAndOfNoneByItself) {
  constexpr std::int64_t kRows = 8;
  const JobSpec job = attacked_job("logistic", TargetKind::kClasses, false);
  int exact_plain = 0, exact_together = 0, exact_summed = 0, exact_masked = 0;
  double off_summed = 0, off_fifth = 0, off_masked = 0, off_blind = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Attacked sites(job, kRows, kClasses, seed);
    std::vector<double> truth(kClasses, 0), together(kClasses, 0);
    for (std::size_t site = 0; site < kSites; ++site) {
      for (const std::int64_t label : sites.data[site].labels) {
        together[static_cast<std::size_t>(label)] += 1;
        if (site == 0) truth[static_cast<std::size_t>(label)] += 1;
      }
    }
    const auto exact = [](const std::vector<double>& counts, const std::vector<double>& right) {
      bool all = true;
      for (std::size_t k = 0; k < counts.size(); ++k)
        all = all && std::abs(counts[k] - right[k]) < 0.5;
      return all ? 1 : 0;
    };
    const auto off = [&](const std::vector<double>& counts) {
      double squares = 0;
      for (std::size_t k = 0; k < counts.size(); ++k) squares += std::pow(counts[k] - truth[k], 2);
      return squares;
    };
    const auto of_sum = label_counts(sites.mean(), kRows),
               of_masked = label_counts(sites.masked(), kRows);
    std::vector<double> fifth = together;
    for (double& count : fifth) count /= kSites;
    exact_plain += exact(label_counts(sites.unmasked(), kRows), truth);
    exact_together += exact(label_counts(sites.mean(), kSites * kRows), together);
    exact_summed += exact(of_sum, truth);
    exact_masked += exact(of_masked, truth);
    off_summed += off(of_sum);
    off_fifth += off(fifth);
    off_masked += off(of_masked);
    off_blind += off(std::vector<double>(kClasses, kRows / kClasses));
  }
  EXPECT_EQ(exact_plain, 20);
  EXPECT_EQ(exact_together, 20);
  EXPECT_LE(exact_summed, 3);
  EXPECT_LE(exact_masked, 3);
  EXPECT_NEAR(off_summed, off_fifth, 1e-2) << "a fifth of the counts is all there is";
  EXPECT_GT(off_summed, 0.6 * off_blind) << "which is hardly better than as many of each";
  EXPECT_GT(off_masked, off_blind);
}

}  // namespace
}  // namespace tributary

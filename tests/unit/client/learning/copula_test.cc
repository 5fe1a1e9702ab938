// SPDX-License-Identifier: Apache-2.0
// Family copula: what its weights are, held against sums written down here; what is drawn of it,
// held against the rows it was made of; what a row adds where rows are private.
#include "client/learning/copula.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "client/learning/generator.h"
#include "client/learning/learner.h"
#include "common/domain/options.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kColumns =
    6;  // three numbers, a flag as a number, a category of three words
constexpr std::int64_t kWidth = kColumns + 1;
const std::vector<WordGroup> kGroups = {{4, 3}};

JobSpec copula_job() {
  JobSpec job;
  job.model = choose(model_families(), "copula");
  job.data.target = TargetKind::kUnlabelled;
  job.train.objective = {"statistics", {}};
  job.train.algorithm = choose(client_algorithms(), "fedavg");
  job.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", 1.0}});
  job.train.batch_size = 0;
  return job;
}

// A normal column, one that leans to the right and goes with it, one that goes against both, a
// flag, a category that follows the first. `shift` makes sites unlike.
ExampleSet rows_of(std::int64_t count, std::uint64_t seed, double shift) {
  ExampleSet data{{kWidth}, count, {}, {}, {}};
  SeededRandom random(seed);
  for (std::int64_t row = 0; row < count; ++row) {
    const double a = random.normal() + shift;
    const double b = std::exp(0.5 * (0.7 * a + 0.7 * random.normal())) - 1.0;
    const double c = -0.5 * a - 0.4 * b + 0.6 * random.normal();
    const double flag = b + 0.5 * random.normal() > 0.5 ? 1.0 : 0.0;
    const double chosen = a + random.normal();
    const int word = chosen < -0.8 ? 0 : chosen < 0.9 ? 1 : 2;
    for (const double value : {a, b, c, flag}) data.inputs.push_back(static_cast<float>(value));
    for (int i = 0; i < 3; ++i) data.inputs.push_back(i == word ? 1.0F : 0.0F);
  }
  return data;
}

ExampleSet together(const std::vector<ExampleSet>& sites) {
  ExampleSet all{{kWidth}, 0, {}, {}, {}};
  for (const ExampleSet& site : sites) {
    all.rows += site.rows;
    all.inputs.insert(all.inputs.end(), site.inputs.begin(), site.inputs.end());
  }
  return all;
}

// A round as the coordinator does it: the mean of updates, weighted by rows.
Model round_of(const JobSpec& job, const Model& global, const std::vector<ExampleSet>& sites) {
  std::vector<double> sums(global.values.size(), 0.0);
  double rows = 0.0;
  for (const ExampleSet& site : sites) {
    const auto trained = train(TrainRequest{job, 1, global, site, 1, 1, {}, {}, {}});
    EXPECT_TRUE(trained) << (trained ? "" : trained.error().message);
    if (!trained) return global;
    const auto weight = static_cast<double>(site.rows);
    rows += weight;
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] += weight * static_cast<double>(trained->update.values[i]);
  }
  Model next = global;
  for (std::size_t i = 0; i < sums.size(); ++i)
    next.values[i] = static_cast<float>(static_cast<double>(global.values[i]) + sums[i] / rows);
  return next;
}

Model rounds_of(const JobSpec& job, const std::vector<ExampleSet>& sites, int rounds) {
  const auto start = initial_model(job, {kWidth}, {});
  EXPECT_TRUE(start) << (start ? "" : start.error().message);
  Model model = *start;
  for (int round = 0; round < rounds; ++round) model = round_of(job, model, sites);
  return model;
}

std::vector<double> column_of(const ExampleSet& data, std::size_t column) {
  std::vector<double> values;
  for (std::size_t at = column; at < data.inputs.size(); at += kWidth)
    values.push_back(static_cast<double>(data.inputs[at]));
  return values;
}

double kolmogorov_smirnov(std::vector<double> one, std::vector<double> other) {
  std::ranges::sort(one);
  std::ranges::sort(other);
  double most = 0.0;
  const auto share = [](const std::vector<double>& values, double value) {
    return static_cast<double>(std::ranges::upper_bound(values, value) - values.begin()) /
           static_cast<double>(values.size());
  };
  for (const double value : one)
    most = std::max(most, std::abs(share(one, value) - share(other, value)));
  for (const double value : other)
    most = std::max(most, std::abs(share(one, value) - share(other, value)));
  return most;
}

std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<double> sorted = values, ranks;
  std::ranges::sort(sorted);
  for (const double value : values) {
    const auto equal = std::ranges::equal_range(sorted, value);
    ranks.push_back(0.5 * static_cast<double>((equal.begin() - sorted.begin()) +
                                              (equal.end() - sorted.begin())));
  }
  return ranks;
}

double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const double n = static_cast<double>(x.size());
  const double mx = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double my = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mx) * (x[i] - mx);
    yy += (y[i] - my) * (y[i] - my);
    xy += (x[i] - mx) * (y[i] - my);
  }
  return xy / std::sqrt(xx * yy);
}

std::vector<ExampleSet> unlike_sites() {
  return {rows_of(300, 1, -1.0), rows_of(1000, 2, 0.0), rows_of(150, 3, 1.5)};
}

// The shares and products of all rows, from their definition.
TEST(Copula, ThreeUnlikeSitesHaveTheMeansOfAllTheirRows) {
  const JobSpec job = copula_job();
  const std::vector<ExampleSet> sites = unlike_sites();
  const ExampleSet all = together(sites);
  const Model first = rounds_of(job, sites, 1), second = round_of(job, first, sites);
  const CopulaShape shape{kWidth, 64, 6.0};
  const std::vector<double> knots = knots_of(shape);
  const double rows = static_cast<double>(all.rows);
  std::vector<std::vector<double>> shares(kWidth, std::vector<double>(knots.size()));
  for (std::size_t c = 0; c < kWidth; ++c) {
    const auto values = column_of(all, c);
    for (std::size_t k = 0; k < knots.size(); ++k) {
      const auto below = std::ranges::count_if(values, [&](double x) { return x <= knots[k]; });
      shares[c][k] = static_cast<double>(below) / rows;
      EXPECT_NEAR(static_cast<double>(first.values[k * kWidth + c]), shares[c][k], 1e-6);
      EXPECT_NEAR(static_cast<double>(second.values[k * kWidth + c]), shares[c][k], 1e-6);
    }
  }
  const auto score = [&](std::size_t c, double x) {
    std::size_t k = 0;
    while (k < knots.size() && knots[k] < x) ++k;
    const double below = k == 0 ? 0.0 : shares[c][k - 1];
    return normal_quantile(0.5 * (below + (k == knots.size() ? 1.0 : shares[c][k])));
  };
  std::size_t at = shape.shares();
  for (std::size_t i = 0; i < kWidth; ++i) {
    for (std::size_t j = i + 1; j < kWidth; ++j, ++at) {
      const auto x = column_of(all, i), y = column_of(all, j);
      double sum = 0.0;
      for (std::size_t row = 0; row < x.size(); ++row) sum += score(i, x[row]) * score(j, y[row]);
      EXPECT_NEAR(static_cast<double>(second.values[at]), sum / rows, 2e-6) << i << ", " << j;
    }
  }
}

TEST(Copula, WhatIsDrawnHasTheColumnsAndTheirRanksCorrelations) {
  const JobSpec job = copula_job();
  const std::vector<ExampleSet> sites = unlike_sites();
  const ExampleSet all = together(sites);
  const Model model = rounds_of(job, sites, 2);
  auto made = generate({job, model, {kWidth}, 6000, 7, kGroups});
  ASSERT_TRUE(made) << made.error().message;
  for (std::size_t at = 3; at < made->inputs.size(); at += kWidth)  // a flag is rounded to one
    made->inputs[at] = std::round(made->inputs[at]);
  for (std::size_t i = 0; i < kWidth; ++i) {
    const auto real = column_of(all, i), own = column_of(*made, i);
    EXPECT_LT(kolmogorov_smirnov(real, own), 0.05) << "column " << i;
    for (std::size_t j = i + 1; j < kWidth; ++j) {
      const auto real_other = column_of(all, j), own_other = column_of(*made, j);
      EXPECT_NEAR(correlation(ranks_of(own), ranks_of(own_other)),
                  correlation(ranks_of(real), ranks_of(real_other)), 0.05)
          << i << ", " << j;
    }
  }
  for (std::size_t at = 0; at < made->inputs.size(); at += kWidth) {
    const auto words = std::span(made->inputs).subspan(at + 4, 3);
    ASSERT_EQ(std::accumulate(words.begin(), words.end(), 0.0F), 1.0F) << "one word a row";
  }
  EXPECT_EQ(generate({job, model, {kWidth}, 50, 7, kGroups})->inputs,
            generate({job, model, {kWidth}, 50, 7, kGroups})->inputs);
  EXPECT_NE(generate({job, model, {kWidth}, 50, 7, kGroups})->inputs,
            generate({job, model, {kWidth}, 50, 8, kGroups})->inputs);
}

// Two normal columns that are cut to flags: the correlation behind them is known.
TEST(Copula, CorrelationsOfFlagsAreThoseOfTheNumbersBehindThem) {
  ExampleSet data{{2}, 40'000, {}, {}, {}};
  SeededRandom random(5);
  for (std::int64_t row = 0; row < data.rows; ++row) {
    const double a = random.normal(), b = 0.6 * a + 0.8 * random.normal();
    data.inputs.push_back(a > 0.8 ? 1.0F : 0.0F);
    data.inputs.push_back(static_cast<float>(b));
  }
  const JobSpec job = copula_job();
  Model model = *initial_model(job, {2}, {});
  for (int i = 0; i < 2; ++i) model = round_of(job, model, {data});
  const auto made = generate({job, model, {2}, 40'000, 3, {}});
  ASSERT_TRUE(made);
  // E(b | flag) - E(b | no flag) of the normal numbers: 0.6 (density / (share (1 - share))).
  const double share = 1.0 - normal_share(0.8);
  const double gap =
      0.6 * std::exp(-0.32) / std::sqrt(2.0 * 3.14159265358979) / (share * (1 - share));
  double sums[2] = {0, 0}, counts[2] = {0, 0};
  for (std::size_t at = 0; at < made->inputs.size(); at += 2) {
    const int flag = made->inputs[at] > 0.5F ? 1 : 0;
    sums[flag] += static_cast<double>(made->inputs[at + 1]);
    ++counts[flag];
  }
  EXPECT_NEAR(counts[1] / 40'000, share, 0.01);
  EXPECT_NEAR(sums[1] / counts[1] - sums[0] / counts[0], gap, 0.05);
}

// An evaluation tells how much the columns say of each other: of columns that go together more.
TEST(Copula, AnEvaluationSeesHowColumnsGoTogether) {
  const JobSpec job = copula_job();
  const auto loss_of = [&](double share) {
    ExampleSet data{{2}, 2000, {}, {}, {}};
    SeededRandom random(6);
    for (std::int64_t row = 0; row < data.rows; ++row) {
      const double a = random.normal();
      data.inputs.push_back(static_cast<float>(a));
      data.inputs.push_back(
          static_cast<float>(share * a + std::sqrt(1 - share * share) * random.normal()));
    }
    Model model = *initial_model(job, {2}, {});
    for (int i = 0; i < 2; ++i) model = round_of(job, model, {data});
    const auto counts = evaluate(job, model, data, 1, {});
    EXPECT_TRUE(counts) << (counts ? "" : counts.error().message);
    return counts ? figures_of(*counts).loss : 0.0;
  };
  EXPECT_NEAR(loss_of(0.0), 1.0, 0.1);
  EXPECT_NEAR(loss_of(0.8), 1.0 - 0.64, 0.05) << "the variance that is left";
}

// Each row's part is no longer than the clip, and noise is added: within what is to be expected.
TEST(Copula, PrivateStatisticsHaveNoiseOfTheRightSize) {
  JobSpec job = copula_job();
  const ExampleSet data = rows_of(2000, 4, 0.0);
  const Model plain = rounds_of(job, {data}, 2);
  job.privacy.records = RecordPrivacy{};
  job.privacy.records->clip = 30.0;  // no row's part is as long
  job.privacy.records->noise_multiplier = 2.0;
  const Model noisy = round_of(job, plain, {data});
  double square = 0.0;
  for (std::size_t i = 0; i < plain.values.size(); ++i) {
    const double difference =
        static_cast<double>(noisy.values[i]) - static_cast<double>(plain.values[i]);
    square += difference * difference;
  }
  const double deviation = std::sqrt(square / static_cast<double>(plain.values.size()));
  EXPECT_NEAR(deviation, 2.0 * 30.0 / 2000.0, 0.005);
  job.privacy.records->clip = 0.001;
  job.privacy.records->noise_multiplier = 0.001;
  const Model clipped = round_of(job, *initial_model(job, {kWidth}, {}), {data});
  double moved = 0.0;
  const Model start = *initial_model(job, {kWidth}, {});
  for (std::size_t i = 0; i < start.values.size(); ++i)
    moved += std::pow(static_cast<double>(clipped.values[i] - start.values[i]), 2);
  EXPECT_LT(std::sqrt(moved), 0.0011) << "a mean of parts that are no longer than the clip";
  // Shares that noise made fall here and there still make rows.
  EXPECT_TRUE(generate({job, noisy, {kWidth}, 100, 1, kGroups}));
}

TEST(Copula, SharesAreMadeRisingByAsLittleAsCanBe) {
  std::vector<double> values = {0.1, 0.4, 0.2, 0.3, 0.9, 1.2, 1.1};
  make_rising(values);
  const std::vector<double> wanted = {0.1, 0.3, 0.3, 0.3, 0.9, 1.0, 1.0};
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(values[i], wanted[i], 1e-12);
  for (const double share : {1e-4, 0.025, 0.5, 0.8})
    EXPECT_NEAR(normal_share(normal_quantile(share)), share, 1e-12);
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-9);
}

TEST(Copula, WhatCannotBeIsRefused) {
  JobSpec job = copula_job();
  const Model model = *initial_model(job, {3}, {});
  EXPECT_THAT(initial_model(job, {513}, {}).error().message, HasSubstr("1 to 512 inputs"));
  EXPECT_FALSE(generate({job, model, {3}, 5, 1, {{2, 2}}}));
  EXPECT_FALSE(generate({job, model, {4}, 5, 1, {}})) << "a model of another size";
  EXPECT_THAT(generate({job, model, {3}, kMadeValuesMax, 1, {}}).error().message,
              HasSubstr("rows are not possible"));
  EXPECT_FALSE(generate({job, model, {3}, 0, 1, {}}));
  Model broken = model;
  broken.values[0] = std::nanf("");
  EXPECT_THAT(generate({job, broken, {3}, 5, 1, {}}).error().message, HasSubstr("finite"));
  job.train.objective = {"supervised", {}};
  EXPECT_THAT(initial_model(job, {3}, {}).error().message, HasSubstr("must be statistics"));
  job.model = choose(model_families(), "logistic");
  EXPECT_THAT(generate({job, model, {3}, 5, 1, {}}).error().message,
              HasSubstr("families that do: copula"));
  job.train.objective = {"statistics", {}};
  EXPECT_THAT(initial_model(job, {3}, {}).error().message, HasSubstr("as copula does"));
}

}  // namespace
}  // namespace tributary

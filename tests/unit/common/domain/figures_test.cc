// SPDX-License-Identifier: Apache-2.0
// Figures against what they are defined as, worked out row by row in float64, and published values.
#include "common/domain/figures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "common/domain/score_bins.h"

namespace tributary {
namespace {

struct Row {
  double logit = 0.0;
  bool positive = false;
  double score() const { return 1.0 / (1.0 + std::exp(-logit)); }
};

EvaluationCounts counted(const std::vector<Row>& rows) {
  EvaluationCounts counts;
  counts.classes.resize(1);
  counts.positives.resize(limits::kScoreBins);
  counts.negatives.resize(limits::kScoreBins);
  for (const Row& row : rows) {
    const bool predicted = row.logit >= 0;
    ++counts.examples;
    counts.correct += predicted == row.positive;
    counts.classes[0].true_positives += predicted && row.positive;
    counts.classes[0].false_positives += predicted && !row.positive;
    counts.classes[0].false_negatives += !predicted && row.positive;
    ++(row.positive ? counts.positives : counts.negatives)[score_bin(row.logit)];
  }
  EXPECT_TRUE(validate_counts(counts));
  return counts;
}

double wins(double positive, double negative) {
  return positive > negative ? 1.0 : positive == negative ? 0.5 : 0.0;
}

// AUC and, of DeLong et al., the variance: by all pairs of the scores themselves.
std::pair<double, double> by_pairs(const std::vector<Row>& rows) {
  std::vector<double> positives, negatives;
  for (const Row& row : rows) (row.positive ? positives : negatives).push_back(row.logit);
  const auto of = [](const std::vector<double>& ones, const std::vector<double>& others, bool up) {
    std::vector<double> means;
    for (const double one : ones) {
      double sum = 0;
      for (const double other : others) sum += up ? wins(one, other) : wins(other, one);
      means.push_back(sum / static_cast<double>(others.size()));
    }
    return means;
  };
  const auto moments = [](const std::vector<double>& values) {
    double mean = 0, squares = 0;
    for (const double value : values) mean += value / static_cast<double>(values.size());
    for (const double value : values) squares += (value - mean) * (value - mean);
    const auto n = static_cast<double>(values.size());
    return std::pair{mean, squares / (n - 1) / n};
  };
  const auto [area, one] = moments(of(positives, negatives, true));
  const auto [same, other] = moments(of(negatives, positives, false));
  EXPECT_NEAR(area, same, 1e-12);
  return {area, one + other};
}

std::vector<Row> drawn(std::uint64_t seed, int count,
                       const std::function<double(double, bool)>& at) {
  SeededRandom random(seed);
  std::vector<Row> rows;
  for (int i = 0; i < count; ++i) {
    const bool positive = random.uniform() < 0.3;
    rows.push_back({at(random.uniform(), positive), positive});
  }
  return rows;
}

// Scores of models that are sure, that know nothing yet, and that give few scores or one.
TEST(Figures, AucIsThatOfAllPairsWithinTheErrorThatItStates) {
  const auto check = [](const std::vector<Row>& rows, double error_most) {
    const EvaluationFigures figures = figures_of(counted(rows), TargetKind::kBinary);
    const double exact = by_pairs(rows).first, error = figures.others.at("auc_error");
    EXPECT_LE(std::abs(*figures.auc - exact), error + 1e-12);
    EXPECT_LE(error, error_most);
  };
  check(drawn(1, 600, [](double u, bool p) { return 4 * u - 2 + p; }), 3e-4);
  check(drawn(2, 600, [](double u, bool p) { return 9 + 4 * u + p; }), 4e-3);    // all above 0.999
  check(drawn(3, 600, [](double u, bool p) { return -25 + 4 * u + p; }), 4e-3);  // below 1e-8
  check(drawn(4, 600, [](double u, bool p) { return 60 * u - 30 + 9 * p; }), 2e-4);
  check(drawn(5, 600, [](double u, bool p) { return 0.2 * u + 0.1 * p; }), 1e-2);
  check(drawn(6, 600, [](double u, bool p) { return p + std::floor(3 * u); }), 0.2);
  const auto one = drawn(7, 600, [](double, bool) { return 3.0; });
  check(one, 0.5);
  EXPECT_EQ(figures_of(counted(one), TargetKind::kBinary).auc, 0.5) << "ties count half";
  // Where the bins cannot tell scores apart, the figure says so.
  const auto close = drawn(8, 600, [](double, bool p) { return 40.0 + p; });
  EXPECT_NEAR(figures_of(counted(close), TargetKind::kBinary).others.at("auc_error"), 0.5, 1e-12);
}

TEST(Figures, LimitsOfAucAreThoseOfDeLong) {
  const std::vector<Row> rows = drawn(9, 500, [](double u, bool p) { return 4 * u - 2 + p; });
  const auto [area, variance] = by_pairs(rows);
  const double reach = 1.959963984540054 * std::sqrt(variance);
  const Interval interval = *auc_interval(counted(rows));
  EXPECT_NEAR(interval.low, area - reach, 1e-3);
  EXPECT_NEAR(interval.high, area + reach, 1e-3);
  EXPECT_FALSE(auc_interval(counted({{1, true}, {2, false}, {3, false}})));
}

// Newcombe 1998, Statistics in Medicine 17, table I, method 3.
TEST(Figures, LimitsOfSharesAreWilsons) {
  const auto check = [](std::uint64_t hits, std::uint64_t of, double low, double high) {
    const Interval interval = wilson_interval(hits, of);
    EXPECT_NEAR(interval.low, low, 5e-5);
    EXPECT_NEAR(interval.high, high, 5e-5);
  };
  check(81, 263, 0.2553, 0.3662);
  check(15, 148, 0.0624, 0.1605);
  check(0, 20, 0.0, 0.1611);
  check(1, 29, 0.0061, 0.1718);
}

TEST(Figures, BrierAndCalibrationAreThoseOfTheScores) {
  const std::vector<Row> rows =
      drawn(10, 3000, [](double u, bool p) { return 12 * u - 7 + 2 * p; });
  double brier = 0, gaps[15] = {}, ece = 0;
  for (const Row& row : rows) {
    const double off = (row.positive ? 1.0 : 0.0) - row.score();
    brier += off * off / 3000;
    gaps[std::min(14, static_cast<int>(row.score() * 15))] += off / 3000;
  }
  for (const double gap : gaps) ece += std::abs(gap);
  const EvaluationFigures figures = figures_of(counted(rows), TargetKind::kBinary);
  EXPECT_NEAR(figures.others.at("brier"), brier, 3e-4);
  EXPECT_NEAR(figures.others.at("ece"), ece, 1e-3);
  EXPECT_GT(ece, 0.05);
}

TEST(Figures, OfAClassCount) {
  EvaluationCounts counts;
  counts.examples = 200;
  counts.correct = 160;
  counts.classes = {{45, 35, 5}};  // 50 positives, 150 negatives
  const EvaluationFigures figures = figures_of(counts, TargetKind::kBinary);
  EXPECT_DOUBLE_EQ(*figures.accuracy, 0.8);
  EXPECT_DOUBLE_EQ(figures.others.at("sensitivity"), 45.0 / 50);
  EXPECT_DOUBLE_EQ(figures.others.at("specificity"), 115.0 / 150);
  EXPECT_DOUBLE_EQ(figures.others.at("precision"), 45.0 / 80);
  EXPECT_DOUBLE_EQ(figures.others.at("balanced_accuracy"), (45.0 / 50 + 115.0 / 150) / 2);
  EXPECT_DOUBLE_EQ(*figures.f1, 90.0 / 130);
  EXPECT_FALSE(figures.auc);
}

// Truth by row, taken for by column: {{5, 1, 0}, {2, 6, 2}, {0, 0, 4}}; a fourth class never
// occurs.
TEST(Figures, OverClassesAreMeansOverThoseThatOccur) {
  EvaluationCounts counts;
  counts.examples = 20;
  counts.correct = 15;
  counts.classes = {{5, 2, 1}, {6, 1, 4}, {4, 2, 0}, {0, 0, 0}};
  const EvaluationFigures figures = figures_of(counts, TargetKind::kSegmentation);
  EXPECT_DOUBLE_EQ(figures.others.at("balanced_accuracy"), (5.0 / 6 + 6.0 / 10 + 1.0) / 3);
  EXPECT_DOUBLE_EQ(figures.others.at("precision"), (5.0 / 7 + 6.0 / 7 + 4.0 / 6) / 3);
  EXPECT_DOUBLE_EQ(figures.others.at("dice"), (10.0 / 13 + 12.0 / 17 + 8.0 / 10) / 3);
  EXPECT_DOUBLE_EQ(figures.others.at("iou"), (5.0 / 8 + 6.0 / 11 + 4.0 / 6) / 3);
  EXPECT_EQ(*figures.f1, figures.others.at("dice"));
  EXPECT_FALSE(figures_of(counts, TargetKind::kClasses).others.contains("dice"));
}

TEST(Figures, OfARegressionAreThoseOfItsTargets) {
  SeededRandom random(11);
  double squares = 0, absolute = 0, sum = 0, target_squares = 0;
  for (int i = 0; i < 400; ++i) {
    const double target = 50 + 10 * random.uniform(), error = 4 * random.uniform() - 1.5;
    squares += error * error;
    absolute += std::abs(error);
    sum += target;
    target_squares += target * target;
  }
  const auto units = [](double value) { return std::llround(value / kLossUnit); };
  EvaluationCounts counts;
  counts.examples = 400;
  counts.loss_units = units(squares);
  counts.measured = {units(absolute), units(sum), units(target_squares), 400, 400};
  ASSERT_TRUE(validate_counts(counts));
  EvaluationFigures figures = figures_of(counts, TargetKind::kRegression);
  const double variance = target_squares / 400 - (sum / 400) * (sum / 400);
  EXPECT_NEAR(figures.others.at("mae"), absolute / 400, 1e-7);
  EXPECT_NEAR(figures.others.at("rmse"), std::sqrt(squares / 400), 1e-7);
  EXPECT_NEAR(figures.others.at("r2"), 1 - squares / 400 / variance, 1e-6);
  EXPECT_EQ(figures.accuracy, std::nullopt);
  // A site that keeps its targets to itself takes r2 from all of them, and mae from none.
  EvaluationCounts quiet;
  quiet.examples = 100;
  quiet.loss_units = 7;
  ASSERT_TRUE(add_counts(counts, quiet));
  figures = figures_of(counts, TargetKind::kRegression);
  EXPECT_NEAR(figures.others.at("mae"), absolute / 400, 1e-7);
  EXPECT_FALSE(figures.others.contains("r2"));
}

// Papineni et al. 2002: precisions of 1 to 4 tokens, and exp(1 - r/c) for what is too short.
TEST(Figures, OfTexts) {
  EvaluationCounts counts;
  counts.examples = 2;
  counts.places = 30;
  counts.correct = 12;
  counts.loss_units = std::llround(30 * 1.25 / kLossUnit);
  counts.ngrams = {16, 8, 4, 2, 18, 16, 14, 12, 18, 20};
  ASSERT_TRUE(validate_counts(counts));
  const EvaluationFigures figures = figures_of(counts, TargetKind::kTokens);
  EXPECT_NEAR(figures.others.at("perplexity"), 3.4903429574618414, 1e-6);
  const double product = 16.0 / 18 * 8 / 16 * 4 / 14 * 2 / 12;
  EXPECT_NEAR(figures.others.at("bleu"), std::pow(product, 0.25) * std::exp(1 - 20.0 / 18), 1e-12);
  EXPECT_DOUBLE_EQ(*figures.accuracy, 0.4);
  counts.ngrams[3] = 0;
  EXPECT_EQ(figures_of(counts, TargetKind::kTokens).others.at("bleu"), 0.0);
}

EvaluationCounts of_loss(double mean, std::uint64_t rows) {
  EvaluationCounts counts;
  counts.examples = rows;
  counts.loss_units = std::llround(mean * static_cast<double>(rows) / kLossUnit);
  return counts;
}

FigureTable table_of(const std::vector<EvaluationCounts>& each) {
  EvaluationCounts sum;
  std::map<std::string, SiteEvaluation> sites;
  for (std::size_t i = 0; i < each.size(); ++i) {
    EXPECT_TRUE(add_counts(sum, each[i]));
    sites["s" + std::to_string(i)] = {&each[i], figures_of(each[i], TargetKind::kUnlabelled)};
  }
  return figure_table(sum, TargetKind::kUnlabelled, sites);
}

// Of sites alike in size, leaving them out one by one gives Student's limits of a mean.
TEST(Figures, LimitsOfAMeanOverSitesAreStudents) {
  FigureTable table =
      table_of({of_loss(1, 50), of_loss(2, 50), of_loss(3, 50), of_loss(4, 50), of_loss(5, 50)});
  ASSERT_EQ(table.figures.size(), 1u);
  const FigureRow& loss = table.figures[0];
  EXPECT_DOUBLE_EQ(loss.value, 3.0);
  const double reach = 2.776 * std::sqrt(2.5 / 5);
  EXPECT_NEAR(loss.interval->low, 3 - reach, 1e-6);
  EXPECT_NEAR(loss.interval->high, 3 + reach, 1e-6);
  EXPECT_EQ(loss.spread->worst_site, "s4");
  EXPECT_DOUBLE_EQ(loss.spread->mean, 3.0);
  EXPECT_NEAR(loss.spread->deviation, std::sqrt(2.0), 1e-9);
  EXPECT_FALSE(table_of({of_loss(1, 50)}).figures[0].interval) << "one site says nothing of others";
  // A larger one counts more in the figure, and not in the mean of the sites.
  table = table_of({of_loss(1, 300), of_loss(5, 100)});
  EXPECT_DOUBLE_EQ(table.figures[0].value, 2.0);
  EXPECT_DOUBLE_EQ(table.figures[0].spread->mean, 3.0);
}

// 95 of 100 such limits have the mean that the sites were drawn from between them: of 400, all but
// three deviations from 380. More sites than are left out one by one.
TEST(Figures, LimitsHoldTheTruthAsOftenAsTheySay) {
  SeededRandom random(12);
  for (const std::size_t count : {std::size_t{6}, std::size_t{80}}) {
    int held = 0;
    for (int i = 0; i < 400; ++i) {
      std::vector<EvaluationCounts> sites;
      for (std::size_t s = 0; s < count; ++s) sites.push_back(of_loss(10 + random.normal(), 40));
      const Interval interval = *table_of(sites).figures[0].interval;
      held += interval.low <= 10 && 10 <= interval.high;
    }
    EXPECT_GE(held, 367) << count;
    EXPECT_LE(held, 393) << count;
  }
}

TEST(Figures, EachHasARule) {
  for (const FigureRule& rule : figure_rules()) {
    EXPECT_EQ(figure_rule(rule.name), &rule);
    EXPECT_NE(rule.kinds, 0u);
  }
  EXPECT_EQ(figure_rule("acuracy"), nullptr);
  EXPECT_TRUE(figure_rule("r2")->is_of(TargetKind::kRegression));
  EXPECT_FALSE(figure_rule("r2")->is_of(TargetKind::kBinary));
}

TEST(ScoreBins, RiseWithTheScoreAndStandForIt) {
  std::size_t last = 0;
  for (double logit = -40; logit < 40; logit += 1e-3) {
    const std::size_t bin = score_bin(logit);
    ASSERT_GE(bin, last);
    ASSERT_LT(bin, limits::kScoreBins);
    ASSERT_NEAR(score_of_bin(bin), 1 / (1 + std::exp(-logit)), 1.0 / 2048) << logit;
    last = bin;
  }
  last = 0;
  for (double p = 0; p <= 1; p += 1e-4) {
    const std::size_t bin = confidence_bin(p);
    ASSERT_GE(bin, last);
    ASSERT_LT(bin, limits::kConfidenceBins);
    ASSERT_NEAR(confidence_of_bin(bin), p, 1.0 / 32);
    last = bin;
  }
  EXPECT_EQ(confidence_bin(1.0), limits::kConfidenceBins - 1);
}

}  // namespace
}  // namespace tributary

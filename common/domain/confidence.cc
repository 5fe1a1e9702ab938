// SPDX-License-Identifier: Apache-2.0
// What figures.h has of limits.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "common/base/limits.h"
#include "common/domain/figures.h"

namespace tributary {
namespace {

constexpr double kNormal975 = 1.959963984540054;
// Sites that are left out one by one; more go in so many groups.
constexpr std::size_t kGroupsMax = 32;
// Student's t with 1, 2, ... degrees of freedom: 97.5 % lie below.
constexpr std::array<double, kGroupsMax - 1> kStudent975 = {
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201,
    2.179,  2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074,
    2.069,  2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042, 2.040};

double real(auto count) { return static_cast<double>(count); }

std::uint64_t total(const std::vector<std::uint64_t>& bins) {
  return std::accumulate(bins.begin(), bins.end(), std::uint64_t{0});
}

void take_away(std::vector<std::uint64_t>& from, const std::vector<std::uint64_t>& part) {
  for (std::size_t i = 0; i < part.size(); ++i) from[i] -= part[i];
}

// `part` was added to `sum`. Without the confusion, of which no figure is made.
EvaluationCounts without(const EvaluationCounts& sum, const EvaluationCounts& part) {
  EvaluationCounts rest = sum;
  rest.confusion.clear();
  rest.examples -= part.examples;
  rest.loss_units -= part.loss_units;
  rest.correct -= part.correct;
  rest.places -= part.places;
  for (std::size_t i = 0; i < part.classes.size(); ++i) {
    rest.classes[i].true_positives -= part.classes[i].true_positives;
    rest.classes[i].false_positives -= part.classes[i].false_positives;
    rest.classes[i].false_negatives -= part.classes[i].false_negatives;
  }
  take_away(rest.positives, part.positives);
  take_away(rest.negatives, part.negatives);
  rest.measured.absolute_errors -= part.measured.absolute_errors;
  rest.measured.targets -= part.measured.targets;
  rest.measured.target_squares -= part.measured.target_squares;
  rest.measured.absolute_count -= part.measured.absolute_count;
  rest.measured.target_count -= part.measured.target_count;
  take_away(rest.ngrams, part.ngrams);
  return rest;
}

// The figures that all sites but those of one group have together, for each group.
std::vector<EvaluationFigures> figures_without(const EvaluationCounts& sum, TargetKind kind,
                                               const std::map<std::string, SiteEvaluation>& sites) {
  std::vector<EvaluationCounts> rests(std::min(sites.size(), kGroupsMax), sum);
  std::size_t at = 0;
  for (const auto& [name, site] : sites) {
    EvaluationCounts& rest = rests[at++ % rests.size()];
    rest = without(rest, *site.counts);
  }
  std::vector<EvaluationFigures> figures;
  for (const EvaluationCounts& rest : rests) figures.push_back(figures_of(rest, kind));
  return figures;
}

// A jackknife: how far the figure moves without one of the groups. None where it then has no value.
std::optional<Interval> interval_without(const std::vector<EvaluationFigures>& figures,
                                         const FigureRule& rule, double value) {
  const double groups = real(figures.size());
  std::vector<double> values;
  for (const EvaluationFigures& one : figures) {
    const std::optional<double> left = figure_named(one, std::string(rule.name));
    if (!left || one.examples == 0) return std::nullopt;
    values.push_back(*left);
  }
  if (values.size() < 2) return std::nullopt;
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / groups;
  double squares = 0.0;
  for (const double one : values) squares += (one - mean) * (one - mean);
  const double reach =
      kStudent975[values.size() - 2] * std::sqrt(squares * (groups - 1.0) / groups);
  Interval interval{value - reach, value + reach};
  // A share is no more than all, and only r2 is ever below nothing.
  if (rule.more_is_better) interval.high = std::min(interval.high, 1.0);
  if (rule.name != "r2") interval.low = std::max(interval.low, 0.0);
  return interval;
}

// Of a share of rows; none: it is none. Labels at several places of a row are no draws of their
// own.
std::optional<Interval> share_interval(const EvaluationCounts& counts, TargetKind kind,
                                       std::string_view name) {
  if (counts.classes.empty() || counts.places > 0) return std::nullopt;
  if (name == "accuracy") return wilson_interval(counts.correct, counts.examples);
  if (kind != TargetKind::kBinary) return std::nullopt;
  const ClassCounts& one = counts.classes[0];
  const std::uint64_t hit = one.true_positives;
  const std::uint64_t negatives = counts.examples - hit - one.false_negatives;
  if (name == "sensitivity") return wilson_interval(hit, hit + one.false_negatives);
  if (name == "precision") return wilson_interval(hit, hit + one.false_positives);
  if (name == "specificity") return wilson_interval(negatives - one.false_positives, negatives);
  return std::nullopt;
}

}  // namespace

Interval wilson_interval(std::uint64_t hits, std::uint64_t of) {
  if (of == 0) return {0.0, 1.0};
  const double n = real(of), p = real(hits) / n, z2 = kNormal975 * kNormal975;
  const double middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
  const double reach =
      kNormal975 * std::sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n)) / (1.0 + z2 / n);
  return {std::max(middle - reach, 0.0), std::min(middle + reach, 1.0)};
}

std::optional<Interval> auc_interval(const EvaluationCounts& counts) {
  const double positives = real(total(counts.positives)), negatives = real(total(counts.negatives));
  if (positives < 2.0 || negatives < 2.0) return std::nullopt;
  // For a row of each bin: the share of the other class that lies on its wrong side of it.
  double area = 0.0, together = 0.0, below = 0.0, above = positives;
  std::vector<double> of_positive, of_negative;
  for (std::size_t i = 0; i < counts.positives.size(); ++i) {
    const double p = real(counts.positives[i]), n = real(counts.negatives[i]);
    above -= p;
    of_positive.push_back((below + n / 2.0) / negatives);
    of_negative.push_back((above + p / 2.0) / positives);
    below += n;
    area += p * of_positive.back() / positives;
    together += p * n;
  }
  double of_positives = 0.0, of_negatives = 0.0;
  for (std::size_t i = 0; i < of_positive.size(); ++i) {
    const double p = of_positive[i] - area, n = of_negative[i] - area;
    of_positives += real(counts.positives[i]) * p * p;
    of_negatives += real(counts.negatives[i]) * n * n;
  }
  const double variance =
      of_positives / (positives - 1.0) / positives + of_negatives / (negatives - 1.0) / negatives;
  const double reach = kNormal975 * std::sqrt(variance) + together / (positives * negatives) / 2.0;
  return Interval{std::max(area - reach, 0.0), std::min(area + reach, 1.0)};
}

FigureTable figure_table(const EvaluationCounts& sum, TargetKind kind,
                         const std::map<std::string, SiteEvaluation>& sites) {
  const EvaluationFigures figures = figures_of(sum, kind);
  FigureTable table;
  if (figures.examples == 0) return table;
  table.labels = labels_of(sum);
  if (sum.classes.size() <= limits::kConfusionClassesMax) table.classes = sum.classes;
  table.confusion = sum.confusion;
  std::map<std::string, EvaluationFigures> by_site;
  for (const auto& [name, site] : sites) by_site[name] = site.figures;
  const std::vector<EvaluationFigures> left = figures_without(sum, kind, sites);
  for (const FigureRule& rule : figure_rules()) {
    FigureRow row{std::string(rule.name)};
    const std::optional<double> value = figure_named(figures, row.name);
    if (!value) continue;
    row.value = *value;
    row.spread = spread_of(by_site, row.name);
    if (rule.name == "auc") {
      row.interval = auc_interval(sum);
    } else if (rule.name != "auc_error") {
      row.interval = share_interval(sum, kind, rule.name);
      if (!row.interval) row.interval = interval_without(left, rule, row.value);
    }
    table.figures.push_back(std::move(row));
  }
  return table;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/domain/evaluation.h"

#include <cmath>
#include <cstdlib>
#include <numeric>

#include "common/base/limits.h"
#include "common/domain/counted_numbers.h"

namespace tributary {
namespace {

std::uint64_t total(const std::vector<std::uint64_t>& bins) {
  return std::accumulate(bins.begin(), bins.end(), std::uint64_t{0});
}

void add_bins(std::vector<std::uint64_t>& sum, const std::vector<std::uint64_t>& one) {
  if (sum.empty()) sum.resize(one.size());
  for (std::size_t i = 0; i < one.size(); ++i) sum[i] += one[i];
}

// Mann-Whitney: the chance that a positive scores above a negative, a tie counting half.
std::optional<double> area_under_curve(const EvaluationCounts& counts) {
  const double positives = static_cast<double>(total(counts.positives));
  const double negatives = static_cast<double>(total(counts.negatives));
  if (positives == 0.0 || negatives == 0.0) return std::nullopt;
  double below = 0.0;
  double wins = 0.0;
  for (std::size_t i = 0; i < counts.positives.size(); ++i) {
    const double here = static_cast<double>(counts.negatives[i]);
    wins += static_cast<double>(counts.positives[i]) * (below + here / 2.0);
    below += here;
  }
  return wins / (positives * negatives);
}

std::optional<double> macro_f1(const EvaluationCounts& counts) {
  double sum = 0.0;
  int present = 0;
  for (const ClassCounts& c : counts.classes) {
    const std::uint64_t denominator = 2 * c.true_positives + c.false_positives + c.false_negatives;
    if (denominator == 0) continue;
    sum += 2.0 * static_cast<double>(c.true_positives) / static_cast<double>(denominator);
    ++present;
  }
  if (present == 0) return std::nullopt;
  return sum / present;
}

}  // namespace

Status validate_counts(const EvaluationCounts& counts) {
  const auto refuse = [](const char* what) {
    return make_error(ErrorCode::kInvalidArgument,
                      std::string("evaluation counts contradict each other: ") + what);
  };
  if (counts.examples > limits::kExamplesMax) return refuse("too many examples");
  if (counts.places > counts.examples * static_cast<std::uint64_t>(limits::kPlacesMax))
    return refuse("more places than examples can have");
  const std::uint64_t labels = labels_of(counts);
  if (counts.correct > labels) return refuse("more correct than labels");
  if (counts.classes.size() > limits::kClassesMax) return refuse("too many classes");
  for (const ClassCounts& c : counts.classes) {
    if (c.true_positives > labels || c.false_positives > labels || c.false_negatives > labels) {
      return refuse("a class count is above the number of labels");
    }
  }
  if (counts.positives.size() != counts.negatives.size() ||
      (!counts.positives.empty() && counts.positives.size() != limits::kScoreBins)) {
    return refuse("the score histogram has the wrong number of bins");
  }
  for (std::size_t i = 0; i < counts.positives.size(); ++i) {
    if (counts.positives[i] > counts.examples || counts.negatives[i] > counts.examples) {
      return refuse("a bin of the score histogram is above the number of examples");
    }
  }
  if (!counts.positives.empty() &&
      total(counts.positives) + total(counts.negatives) != counts.examples) {
    return refuse("the score histogram does not add up to the number of examples");
  }
  return {};
}

Status add_counts(EvaluationCounts& sum, const EvaluationCounts& one) {
  TRIB_CHECK_OK(validate_counts(one));
  if (one.examples == 0) return {};
  const bool first = sum.examples == 0;
  if (!first &&
      (sum.classes.size() != one.classes.size() || sum.positives.size() != one.positives.size())) {
    return make_error(ErrorCode::kInvalidArgument,
                      "evaluation counts have another number of classes or bins");
  }
  std::int64_t loss_units = 0;
  if (__builtin_add_overflow(sum.loss_units, one.loss_units, &loss_units))
    return make_error(ErrorCode::kInvalidArgument, "the sum of the losses is out of range");
  sum.loss_units = loss_units;
  sum.examples += one.examples;
  sum.correct += one.correct;
  sum.places += one.places;
  if (first) sum.classes.resize(one.classes.size());
  for (std::size_t i = 0; i < one.classes.size(); ++i) {
    sum.classes[i].true_positives += one.classes[i].true_positives;
    sum.classes[i].false_positives += one.classes[i].false_positives;
    sum.classes[i].false_negatives += one.classes[i].false_negatives;
  }
  add_bins(sum.positives, one.positives);
  add_bins(sum.negatives, one.negatives);
  return {};
}

bool fits(const EvaluationCounts& counts, const DataSpec& data) {
  if (counts.examples == 0) return true;
  return counts.classes.size() == counted_classes(data) &&
         counts.positives.size() == counted_bins(data);
}

EvaluationFigures figures_of(const EvaluationCounts& counts) {
  EvaluationFigures figures;
  figures.examples = counts.examples;
  if (counts.examples == 0) return figures;
  const double n = static_cast<double>(labels_of(counts));
  if (n == 0.0) return figures;
  figures.loss = static_cast<double>(counts.loss_units) * kLossUnit / n;
  if (counts.classes.empty()) return figures;
  figures.accuracy = static_cast<double>(counts.correct) / n;
  figures.auc = area_under_curve(counts);
  figures.f1 = macro_f1(counts);
  return figures;
}

std::optional<double> figure_named(const EvaluationFigures& figures, const std::string& name) {
  if (name == "accuracy") return figures.accuracy;
  if (name == "auc") return figures.auc;
  if (name == "f1") return figures.f1;
  return figures.loss;
}

std::optional<SiteSpread> spread_of(const std::map<std::string, EvaluationFigures>& by_site,
                                    const std::string& figure) {
  SiteSpread spread;
  std::vector<double> values;
  for (const auto& [site, figures] : by_site) {
    const std::optional<double> value = figure_named(figures, figure);
    if (!value) continue;
    const bool worse = figure == "loss" ? *value > spread.worst : *value < spread.worst;
    if (values.empty() || worse) {
      spread.worst = *value;
      spread.worst_site = site;
    }
    values.push_back(*value);
    spread.mean += *value;
  }
  if (values.empty()) return std::nullopt;
  const auto count = static_cast<double>(values.size());
  spread.mean /= count;
  for (const double value : values)
    spread.deviation += (value - spread.mean) * (value - spread.mean) / count;
  spread.deviation = std::sqrt(spread.deviation);
  return spread;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/domain/figures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "common/base/limits.h"
#include "common/domain/score_bins.h"

namespace tributary {
namespace {

constexpr unsigned bits(auto... kinds) { return ((1u << static_cast<unsigned>(kinds)) | ...); }
using enum TargetKind;
constexpr unsigned kAll = bits(kBinary, kClasses, kRegression, kSegmentation, kTokens, kUnlabelled);
constexpr unsigned kOfClasses = bits(kBinary, kClasses, kSegmentation);

constexpr std::array<FigureRule, 18> kRules = {{
    {"loss", kAll, false, true, "mean of the loss"},
    {"accuracy", kOfClasses | bits(kTokens), true, true, "share of labels that are hit"},
    {"auc", bits(kBinary), true, true, "chance that a positive scores above a negative"},
    {"f1", kOfClasses, true, true, "of the positive class; else mean over classes"},
    {"balanced_accuracy", kOfClasses, true, true, "mean over classes of the share that is hit"},
    {"precision", kOfClasses, true, false, "share of what is named that is so; mean over classes"},
    {"sensitivity", kOfClasses, true, false, "share of what is so that is named (recall)"},
    {"specificity", bits(kBinary), true, false, "share of negatives that are named so"},
    {"auc_error", bits(kBinary), false, false, "that auc is off by at most, for its bins"},
    {"brier", bits(kBinary), false, false, "mean square of what scores are off by (Brier 1950)"},
    {"ece", kOfClasses, false, true, "what scores promise beyond hits, in 15 groups"},
    {"mae", bits(kRegression), false, true, "mean of the absolute error"},
    {"rmse", bits(kRegression), false, true, "root of the mean of the squared error"},
    {"r2", bits(kRegression), true, true, "share of the variance that is explained"},
    {"dice", bits(kSegmentation), true, true, "2 TP / (2 TP + FP + FN), mean over classes"},
    {"iou", bits(kSegmentation), true, true, "TP / (TP + FP + FN), mean over classes"},
    {"perplexity", bits(kTokens), false, true, "e to the loss"},
    {"bleu", bits(kTokens), true, true, "BLEU of 4-grams (Papineni et al. 2002)"},
}};

double real(auto count) { return static_cast<double>(count); }

double total(const std::vector<std::uint64_t>& bins) {
  return real(std::accumulate(bins.begin(), bins.end(), std::uint64_t{0}));
}

void put(EvaluationFigures& figures, const char* name, std::optional<double> value) {
  if (value && std::isfinite(*value)) figures.others[name] = *value;
}

std::optional<double> share(double hits, double of) {
  return of > 0.0 ? std::optional(hits / of) : std::nullopt;
}

struct Area {
  double value = 0.0;
  double error = 0.0;  // half the share of pairs that lie in one bin
};

// Mann-Whitney: the chance that a positive scores above a negative, a tie counting half.
std::optional<Area> area_under_curve(const EvaluationCounts& counts) {
  const double pairs = total(counts.positives) * total(counts.negatives);
  if (pairs == 0.0) return std::nullopt;
  double below = 0.0, wins = 0.0, together = 0.0;
  for (std::size_t i = 0; i < counts.positives.size(); ++i) {
    const double positives = real(counts.positives[i]), negatives = real(counts.negatives[i]);
    wins += positives * (below + negatives / 2.0);
    together += positives * negatives;
    below += negatives;
  }
  return Area{wins / pairs, together / pairs / 2.0};
}

// A mean over the classes for which `of_class` has a value.
template <typename OfClass>
std::optional<double> over_classes(const EvaluationCounts& counts, OfClass of_class) {
  double sum = 0.0, present = 0.0;
  for (const ClassCounts& one : counts.classes) {
    const std::optional<double> value =
        of_class(real(one.true_positives), real(one.false_positives), real(one.false_negatives));
    sum += value.value_or(0.0);
    present += value ? 1.0 : 0.0;
  }
  return share(sum, present);
}

std::optional<double> f1_of(double hit, double wrong, double missed) {
  return share(2.0 * hit, 2.0 * hit + wrong + missed);
}
std::optional<double> iou_of(double hit, double wrong, double missed) {
  return share(hit, hit + wrong + missed);
}
std::optional<double> precision_of(double hit, double wrong, double) {
  return share(hit, hit + wrong);
}
std::optional<double> recall_of(double hit, double, double missed) {
  return share(hit, hit + missed);
}

// Expected calibration error (Naeini et al. 2015) in 15 groups of equal width: `hits` and `misses`
// by bin, of which score_of(bin) is what is promised.
std::optional<double> calibration_error(const std::vector<std::uint64_t>& hits,
                                        const std::vector<std::uint64_t>& misses,
                                        double (*score_of)(std::size_t)) {
  constexpr std::size_t kGroups = 15;
  std::array<double, kGroups> gap{};  // hits less what was promised
  double all = 0.0, off = 0.0;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const double score = score_of(i), here = real(hits[i] + misses[i]);
    const auto group =
        std::min(static_cast<std::size_t>(score * real(kGroups)), kGroups - std::size_t{1});
    gap[group] += real(hits[i]) - here * score;
    all += here;
  }
  for (const double one : gap) off += std::abs(one);
  return share(off, all);
}

std::optional<double> brier_of(const EvaluationCounts& counts) {
  double sum = 0.0;
  for (std::size_t i = 0; i < counts.positives.size(); ++i) {
    const double score = score_of_bin(i);
    sum += real(counts.positives[i]) * (1.0 - score) * (1.0 - score) +
           real(counts.negatives[i]) * score * score;
  }
  return share(sum, total(counts.positives) + total(counts.negatives));
}

void add_binary(const EvaluationCounts& counts, EvaluationFigures& figures) {
  if (const std::optional<Area> area = area_under_curve(counts)) {
    figures.auc = area->value;
    put(figures, "auc_error", area->error);
  }
  const ClassCounts& one = counts.classes[0];
  const double negatives = real(labels_of(counts) - one.true_positives - one.false_negatives);
  const auto sensitivity = recall_of(real(one.true_positives), 0.0, real(one.false_negatives));
  const auto specificity = share(negatives - real(one.false_positives), negatives);
  put(figures, "sensitivity", sensitivity);
  put(figures, "specificity", specificity);
  if (sensitivity && specificity)
    put(figures, "balanced_accuracy", (*sensitivity + *specificity) / 2.0);
  if (counts.positives.empty()) return;
  put(figures, "brier", brier_of(counts));
  put(figures, "ece", calibration_error(counts.positives, counts.negatives, score_of_bin));
}

void add_classes(const EvaluationCounts& counts, TargetKind kind, EvaluationFigures& figures) {
  put(figures, "balanced_accuracy", over_classes(counts, recall_of));
  put(figures, "sensitivity", over_classes(counts, recall_of));
  put(figures, "ece", calibration_error(counts.positives, counts.negatives, confidence_of_bin));
  if (kind != kSegmentation) return;
  put(figures, "dice", figures.f1);
  put(figures, "iou", over_classes(counts, iou_of));
}

void add_measured(const EvaluationCounts& counts, EvaluationFigures& figures) {
  const MeasuredSums& sums = counts.measured;
  put(figures, "rmse", std::sqrt(std::max(figures.loss, 0.0)));
  const double absolute = real(sums.absolute_errors) * kLossUnit;
  put(figures, "mae", share(absolute, real(sums.absolute_count)));
  const auto labels = real(labels_of(counts));
  // Where not all sites tell of their targets, errors and variance would be of different rows.
  if (sums.target_count != labels_of(counts)) return;
  const double mean = real(sums.targets) * kLossUnit / labels;
  const double variance = real(sums.target_squares) * kLossUnit / labels - mean * mean;
  if (variance > kLossUnit) put(figures, "r2", 1.0 - figures.loss / variance);
}

// Corpus BLEU: the geometric mean of the shares of written n-grams that a reference has, shortened
// where the written texts are shorter than the references.
std::optional<double> bleu_of(const std::vector<std::uint64_t>& ngrams) {
  if (ngrams.size() != 10 || ngrams[8] == 0) return std::nullopt;
  double logs = 0.0;
  for (std::size_t n = 0; n < 4; ++n) {
    if (ngrams[n] == 0) return 0.0;
    logs += std::log(real(ngrams[n]) / real(ngrams[4 + n])) / 4.0;
  }
  const double brevity = std::min(0.0, 1.0 - real(ngrams[9]) / real(ngrams[8]));
  return std::exp(logs + brevity);
}

}  // namespace

std::span<const FigureRule> figure_rules() { return kRules; }

const FigureRule* figure_rule(std::string_view name) {
  const auto* found = std::ranges::find(kRules, name, &FigureRule::name);
  return found == kRules.end() ? nullptr : &*found;
}

EvaluationFigures figures_of(const EvaluationCounts& counts, TargetKind kind) {
  EvaluationFigures figures;
  figures.examples = counts.examples;
  const double labels = real(labels_of(counts));
  if (counts.examples == 0 || labels == 0.0) return figures;
  figures.loss = real(counts.loss_units) * kLossUnit / labels;
  if (kind == kRegression) add_measured(counts, figures);
  if (kind == kTokens) {
    figures.accuracy = real(counts.correct) / labels;
    put(figures, "perplexity", std::exp(figures.loss));
    put(figures, "bleu", bleu_of(counts.ngrams));
  }
  if (counts.classes.empty()) return figures;
  figures.accuracy = real(counts.correct) / labels;
  figures.f1 = over_classes(counts, f1_of);
  put(figures, "precision", over_classes(counts, precision_of));
  if (kind == kBinary) {
    add_binary(counts, figures);
  } else {
    add_classes(counts, kind, figures);
  }
  return figures;
}

EvaluationFigures figures_of(const EvaluationCounts& counts) {
  const std::size_t classes = counts.classes.size();
  EvaluationFigures figures = figures_of(counts, classes == 0   ? kUnlabelled
                                                 : classes == 1 ? kBinary
                                                                : kClasses);
  figures.others.clear();
  return figures;
}

std::optional<double> figure_named(const EvaluationFigures& figures, const std::string& name) {
  if (name == "loss") return figures.loss;
  if (name == "accuracy") return figures.accuracy;
  if (name == "auc") return figures.auc;
  if (name == "f1") return figures.f1;
  const auto found = figures.others.find(name);
  return found == figures.others.end() ? std::nullopt : std::optional(found->second);
}

std::optional<SiteSpread> spread_of(const std::map<std::string, EvaluationFigures>& by_site,
                                    const std::string& figure) {
  const FigureRule* rule = figure_rule(figure);
  const bool more_is_better = rule != nullptr && rule->more_is_better;
  SiteSpread spread;
  std::vector<double> values;
  for (const auto& [site, figures] : by_site) {
    const std::optional<double> value = figure_named(figures, figure);
    if (!value) continue;
    const bool worse = more_is_better ? *value < spread.worst : *value > spread.worst;
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

// SPDX-License-Identifier: Apache-2.0
#include "client/policy/told_figures.h"

#include <algorithm>
#include <cmath>

#include "common/base/limits.h"

namespace tributary {
namespace {

double rounded(double value, std::int64_t decimals) {
  const double unit = std::pow(10.0, static_cast<double>(decimals));
  const double scaled = value * unit;
  // Beyond the digits that a double has there is nothing to round.
  return std::abs(scaled) < 1e15 ? std::round(scaled) / unit : value;
}

bool may_leave(const SitePolicy& policy, const char* metric) {
  return !policy.metrics || std::ranges::count(*policy.metrics, metric);
}

bool has_scores(const EvaluationCounts& counts) {
  return counts.positives.size() == limits::kScoreBins;
}

// Figures that the coordinator makes of the counts without which there are none.
bool all_may_leave(const SitePolicy& policy, const EvaluationCounts& counts) {
  if (!may_leave(policy, "loss")) return false;
  if (counts.classes.empty()) return counts.correct == 0 || may_leave(policy, "accuracy");
  return may_leave(policy, "accuracy") && may_leave(policy, "f1") &&
         (!has_scores(counts) || may_leave(policy, "auc"));
}

// The parts that a result can do without.
void withhold_parts(const SitePolicy& policy, EvaluationCounts& counts) {
  if (!may_leave(policy, "confusion")) counts.confusion.clear();
  if (!may_leave(policy, "calibration") && !has_scores(counts)) {
    counts.positives.clear();
    counts.negatives.clear();
  }
  if (!may_leave(policy, "mae")) {
    counts.measured.absolute_errors = 0;
    counts.measured.absolute_count = 0;
  }
  if (!may_leave(policy, "r2")) {
    counts.measured.targets = 0;
    counts.measured.target_squares = 0;
    counts.measured.target_count = 0;
  }
  if (!may_leave(policy, "bleu")) counts.ngrams.clear();
}

bool too_small(std::uint64_t count, std::int64_t least) {
  return count > 0 && count < static_cast<std::uint64_t>(std::max<std::int64_t>(least, 0));
}

bool any_too_small(const EvaluationCounts& counts, std::int64_t least) {
  const auto small = [least](std::uint64_t count) { return too_small(count, least); };
  const std::uint64_t labels = labels_of(counts);
  if (small(counts.examples) || small(counts.correct) || small(labels - counts.correct))
    return true;
  return std::ranges::any_of(counts.classes, [&](const ClassCounts& one) {
    const std::uint64_t others =
        labels - one.true_positives - one.false_positives - one.false_negatives;
    return small(one.true_positives) || small(one.false_positives) || small(one.false_negatives) ||
           small(others);
  });
}

// Neighbours of both histograms go together into one bin, so that the order of the scores stays.
// What is left at the end goes to the last bin that was enough.
void join_small_bins(EvaluationCounts& counts, std::int64_t least) {
  std::uint64_t positives = 0, negatives = 0;
  std::optional<std::size_t> last;
  for (std::size_t i = 0; i < counts.positives.size(); ++i) {
    positives += std::exchange(counts.positives[i], 0);
    negatives += std::exchange(counts.negatives[i], 0);
    if (positives + negatives == 0) continue;
    if (too_small(positives, least) || too_small(negatives, least)) continue;
    counts.positives[i] = std::exchange(positives, 0);
    counts.negatives[i] = std::exchange(negatives, 0);
    last = i;
  }
  const std::size_t end = last.value_or(counts.positives.size() - 1);
  counts.positives[end] += positives;
  counts.negatives[end] += negatives;
}

}  // namespace

void tell_less(const JobSpec& job, DataSummary& summary) {
  if (!job.privacy.records && !job.privacy.secure_aggregation) return;
  summary.categories.clear();
  summary.numeric.clear();
  if (!job.privacy.secure_aggregation) return;
  // Whether there are any: how many is summed where nobody sees it.
  summary.training_rows = std::min<std::uint64_t>(summary.training_rows, 1);
  summary.validation_rows = std::min<std::uint64_t>(summary.validation_rows, 1);
}

void tell_less(const SitePolicy& policy, DataSummary& summary) {
  for (auto& [column, words] : summary.categories)
    std::erase_if(words,
                  [&](const auto& word) { return too_small(word.second, policy.min_count); });
  std::erase_if(summary.numeric,
                [&](const auto& entry) { return too_small(entry.second.count, policy.min_count); });
}

void tell_less(const SitePolicy& policy, TrainResult& result) {
  result.train_loss = may_leave(policy, "loss") ? rounded(result.train_loss, policy.decimals) : 0.0;
  result.update_norm = rounded(result.update_norm, policy.decimals);
}

void tell_less(const SitePolicy& policy, EvaluationCounts& counts) {
  if (counts.examples == 0) return;
  if (!all_may_leave(policy, counts) || any_too_small(counts, policy.min_count)) {
    counts = {};
    return;
  }
  withhold_parts(policy, counts);
  const auto small = [&policy](std::uint64_t count) { return too_small(count, policy.min_count); };
  if (std::ranges::any_of(counts.confusion, small)) counts.confusion.clear();
  if (std::ranges::any_of(counts.ngrams, small)) counts.ngrams.clear();
  const double labels = static_cast<double>(labels_of(counts));
  const auto round_mean = [&](std::int64_t& units) {
    const double mean = static_cast<double>(units) * kLossUnit / labels;
    if (const double told = rounded(mean, policy.decimals); told != mean)
      units = std::llround(told * labels / kLossUnit);
  };
  round_mean(counts.loss_units);
  if (counts.measured.absolute_count > 0) round_mean(counts.measured.absolute_errors);
  if (policy.min_count > 1 && !counts.positives.empty()) join_small_bins(counts, policy.min_count);
}

}  // namespace tributary

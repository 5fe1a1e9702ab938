// SPDX-License-Identifier: Apache-2.0
// Evaluation over sites: each site sends integer counts; counts add exactly in any order; figures
// come from the sums (figures.h). Plain values, any thread. Scores travel as histograms alone
// (score_bins.h), so no score of a single record leaves a site.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

// Loss sums travel as integers of 2^-20, so that adding them does not depend on the order.
inline constexpr double kLossUnit = 1.0 / (1 << 20);

// Lengths of EvaluationCounts::ngrams.
inline constexpr std::size_t kNgramCounts = 10;

// Texts that a site writes in an evaluation, at most: each takes as many passes as it has tokens.
inline constexpr std::int64_t kWrittenRowsMax = 10'000;

struct ClassCounts {
  std::uint64_t true_positives = 0;
  std::uint64_t false_positives = 0;
  std::uint64_t false_negatives = 0;
  bool operator==(const ClassCounts&) const = default;
};

// Sums over the targets of a regression, in kLossUnit; that of the squared errors is the loss.
struct MeasuredSums {
  std::int64_t absolute_errors = 0;
  std::int64_t targets = 0;
  std::int64_t target_squares = 0;
  // Targets that each is over: all, or none where a site does not tell them or they do not fit.
  std::uint64_t absolute_count = 0;
  std::uint64_t target_count = 0;
  bool operator==(const MeasuredSums&) const = default;
};

struct EvaluationCounts {
  std::uint64_t examples = 0;
  std::int64_t loss_units = 0;  // sum over examples of the loss, in kLossUnit
  std::uint64_t correct = 0;
  std::vector<ClassCounts>
      classes;  // per class; binary: one entry, the positive class; regression: empty
  // Binary: kScoreBins bins of the score, of rows that are positive and that are not. kClasses and
  // kSegmentation: kConfidenceBins bins of the winning class's probability, of labels that it hit
  // and that it missed; empty where a site does not tell them. Else empty.
  std::vector<std::uint64_t> positives;
  std::vector<std::uint64_t> negatives;
  // Where a row has labels at several places, or several targets: how many there are in all; loss
  // and hits are over them. Else 0.
  std::uint64_t places = 0;
  // kClasses and kSegmentation of up to kConfusionClassesMax classes: how often a true class (row)
  // was taken for another (column); empty where a site does not tell it. Else empty.
  std::vector<std::uint64_t> confusion = {};
  MeasuredSums measured = {};  // regression
  // kTokens, where texts are written in an evaluation: n-grams of 1 to 4 tokens that the reference
  // has too, then all that were written, then tokens written and tokens of the references. Else
  // empty.
  std::vector<std::uint64_t> ngrams = {};
  bool operator==(const EvaluationCounts&) const = default;
};

struct EvaluationFigures {
  std::uint64_t examples = 0;
  double loss = 0.0;
  std::optional<double> accuracy;  // where there are classes
  std::optional<double> auc;       // binary, and both classes present
  std::optional<double>
      f1;  // binary: of the positive class; classes: macro mean over classes that occur
  std::map<std::string, double> others = {};  // the rest of figure_rules() that follows
};

// Labels or targets that the loss is the mean over.
inline std::uint64_t labels_of(const EvaluationCounts& counts) {
  return counts.places > 0 ? counts.places : counts.examples;
}

// Refuses counts that contradict each other or another shape (a lying or broken site).
Status add_counts(EvaluationCounts& sum, const EvaluationCounts& one);
Status validate_counts(const EvaluationCounts& counts);
// Whether valid counts have the classes and bins of a job with this data; no examples fit any.
bool fits(const EvaluationCounts& counts, const DataSpec& data);
// Loss, and where there are classes accuracy, auc and f1: what follows without knowing the kind of
// label. The others are figures.h's.
EvaluationFigures figures_of(const EvaluationCounts& counts);

}  // namespace tributary

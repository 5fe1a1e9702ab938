// SPDX-License-Identifier: Apache-2.0
// Figures of an evaluation: which there are, what they are of counts, how unlike sites fare, and
// between what limits each lies. Plain functions, any thread.
//
// How exact: all that is made of counts of classes is; loss, mae and r2 are but for the 2^-20 in
// which their sums travel. auc counts a pair within one bin of scores as half: it is off by at most
// auc_error, half the share of such pairs. brier is off by less than 0.001, ece by what the bins
// (score_bins.h) are wide; where a site joins bins (metrics.min_count), both are coarser.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/domain/evaluation.h"

namespace tributary {

// Where 95 % of such limits have the true value between them.
struct Interval {
  double low = 0.0;
  double high = 0.0;
  bool operator==(const Interval&) const = default;
};

// One figure over the sites that evaluated: how unlike they fare.
struct SiteSpread {
  std::string worst_site;
  double worst = 0.0;
  double mean = 0.0;       // of the sites, each counting once
  double deviation = 0.0;  // of the population of sites
  bool operator==(const SiteSpread&) const = default;
};

// A figure of all sites together, each row counting once.
struct FigureRow {
  std::string name;
  double value = 0.0;
  std::optional<Interval> interval = {};
  std::optional<SiteSpread> spread = {};
  bool operator==(const FigureRow&) const = default;
};

// What an evaluation came to, all sites together.
struct FigureTable {
  std::vector<FigureRow> figures;
  std::uint64_t labels = 0;          // that the classes below are over
  std::vector<ClassCounts> classes;  // of up to limits::kConfusionClassesMax classes; else empty
  std::vector<std::uint64_t> confusion;  // as EvaluationCounts has it
  bool operator==(const FigureTable&) const = default;
};

struct FigureRule {
  std::string_view name;
  unsigned kinds;  // bits of TargetKind
  bool more_is_better;
  bool in_log;  // stands in the lines about an evaluation
  std::string_view help;
  bool is_of(TargetKind kind) const { return (kinds >> static_cast<unsigned>(kind) & 1u) != 0; }
};

std::span<const FigureRule> figure_rules();
const FigureRule* figure_rule(std::string_view name);  // null: there is no such figure

// `kind`: of the job's data, whose counts these are.
EvaluationFigures figures_of(const EvaluationCounts& counts, TargetKind kind);
// None where it does not apply.
std::optional<double> figure_named(const EvaluationFigures& figures, const std::string& name);
// None where no site has the figure. Of equally bad sites the first by name.
std::optional<SiteSpread> spread_of(const std::map<std::string, EvaluationFigures>& by_site,
                                    const std::string& figure);

// Of a share `hits` / `of` (Wilson 1927).
Interval wilson_interval(std::uint64_t hits, std::uint64_t of);
// Of AUC, from the variance of DeLong et al. 1988, and wider by auc_error; none without both
// classes.
std::optional<Interval> auc_interval(const EvaluationCounts& counts);

// What one site came to.
struct SiteEvaluation {
  const EvaluationCounts* counts = nullptr;  // outlives it
  EvaluationFigures figures;
};
// All figures that `sum` has. Limits of shares of rows are Wilson's; those of most others come from
// leaving out sites (jackknife; more than 32 in groups, Kott 2001), so they need two sites at
// least, and are those of more sites of the kind. `sites` is empty where nobody knows theirs.
FigureTable figure_table(const EvaluationCounts& sum, TargetKind kind,
                         const std::map<std::string, SiteEvaluation>& sites);

}  // namespace tributary

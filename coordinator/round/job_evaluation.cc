// SPDX-License-Identifier: Apache-2.0
// JobMachine: what the end of an evaluation leads to: figures, the best round, an early stop.
#include <algorithm>
#include <utility>

#include "coordinator/round/job_machine.h"

namespace tributary {
namespace {

bool better(const std::string& figure, double value, const std::optional<double>& than,
            double by_more_than) {
  if (!than) return true;
  const FigureRule* rule = figure_rule(figure);
  const bool more_is_better = rule != nullptr && rule->more_is_better;
  return (more_is_better ? value - *than : *than - value) > by_more_than;
}

}  // namespace

void JobMachine::close_evaluate(TimePoint now, RoundEffects& out) {
  if (summed_secretly(spec_, phase_->kind()) && phase_->accepted() > 0) return make_sum(now, out);
  EvaluationCounts sum;
  std::map<std::string, SiteEvaluation> by_site;
  for (const SiteName& site : phase_->with(Reason::kAccepted)) {
    const auto& counts = std::get<EvaluateResult>(phase_->at(site).result->outcome).counts;
    if (counts.examples > 0 && add_counts(sum, counts))
      by_site[site.value] = {&counts, figures_of(counts, spec_.data.target)};
  }
  conclude_evaluation(now, sum, by_site, out);
}

// `by_site` is empty where nobody knows theirs.
void JobMachine::conclude_evaluation(TimePoint now, const EvaluationCounts& sum,
                                     const std::map<std::string, SiteEvaluation>& by_site,
                                     RoundEffects& out) {
  const EvaluationFigures figures = figures_of(sum, spec_.data.target);
  const EvaluationSpec& policy = spec_.evaluation;
  RoundRow row = round_row(now, figures.examples == 0 ? "not evaluated" : "evaluated");
  row.examples = figures.examples;
  row.model = record_.model.digest;
  bool stop = false;
  if (figures.examples > 0) {
    row.loss = figures.loss;
    row.accuracy = figures.accuracy;
    row.auc = figures.auc;
    row.f1 = figures.f1;
    row.figures = figure_table(sum, spec_.data.target, by_site);
    const auto judged = std::ranges::find(row.figures.figures, policy.best_by, &FigureRow::name);
    if (judged != row.figures.figures.end()) row.spread = judged->spread;
    record_.last = figures;
    const std::optional<double> value = policy.best_of_worst && row.spread
                                            ? std::optional(row.spread->worst)
                                            : figure_named(figures, policy.best_by);
    if (by_all_ && value && better(policy.best_by, *value, record_.best_value, 0.0)) {
      record_.best_value = value;
      record_.best_round = record_.round;
      record_.best = figures;
    }
    stop = by_all_ && policy.early_stop && stalls(value);
  }
  if (figures.examples == 0) {
    report_evaluation_skipped(out);
  } else {
    report_evaluation(row, figures, by_site.empty() ? phase_->accepted() : by_site.size(), out);
  }
  out.push_back(SaveRound{record_.id, std::move(row)});
  phase_.reset();
  if (!stop) return next_round(now, out);
  finish(now, JobState::kFinished,
         "stopped early: " + std::to_string(record_.without_gain) +
             " evaluations without a better " + policy.best_by,
         out);
}

// Whether so many evaluations in a row were no better, by the least gain that counts, that training
// on is not worth it.
bool JobMachine::stalls(const std::optional<double>& value) {
  const EvaluationSpec& policy = spec_.evaluation;
  if (value && better(policy.best_by, *value, record_.gained_value, policy.early_stop->min_gain)) {
    record_.gained_value = value;
    record_.without_gain = 0;
    return false;
  }
  return ++record_.without_gain >= policy.early_stop->patience;
}

}  // namespace tributary

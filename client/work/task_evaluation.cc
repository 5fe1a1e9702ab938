// SPDX-License-Identifier: Apache-2.0
// TaskRunner: evaluations.
#include "client/learning/algorithm.h"
#include "client/learning/local_tensors.h"
#include "client/policy/told_figures.h"
#include "client/work/task_runner.h"
#include "common/domain/counted_numbers.h"
#include "common/domain/figures.h"

namespace tributary {
namespace {

void add_figures(EventFields& fields, const EvaluationFigures& figures) {
  fields.emplace_back("examples", static_cast<std::int64_t>(figures.examples));
  for (const FigureRule& rule : figure_rules()) {
    const std::string name(rule.name);
    const std::optional<double> value = figure_named(figures, name);
    if (rule.in_log && value) fields.emplace_back(name, *value);
  }
}

}  // namespace

Result<EvaluationCounts> TaskRunner::evaluate_as(const Work& work, const char* name,
                                                 const Model& model, const ExampleSet& data) {
  TRIB_TRY(counts, ports_.learner.evaluate(work.job, model, data, ports_.threads, work.module_file,
                                           leash(work)));
  EventFields fields = {{"job", work.task.key.job.value},
                        {"round", std::int64_t{work.task.key.round}},
                        {"model", std::string(name)}};
  add_figures(fields, figures_of(counts, work.job.data.target));
  ports_.log("evaluation.local", std::move(fields));
  return counts;
}

// The coordinator is told of the model that the job trains, with the site's own tensors in it; how
// well the personal one does is the site's business.
Result<TaskOutcome> TaskRunner::evaluate_model(const Work& work) {
  const TrainSpec& train_spec = work.job.train;
  // Its counts would be told in the clear.
  if (work.job.privacy.secure_aggregation && work.job.evaluation.by_evaluators &&
      !ports_.evaluator) {
    return deny(work, make_error(ErrorCode::kPermissionDenied,
                                 "the job has evaluators judge its models, and this site is none"))
        .error();
  }
  TRIB_TRY(data, examples(work));
  TRIB_TRY(sent, sent_model(work));
  Carried own;
  if (ports_.carried && leaves_at_site(train_spec)) {
    work.reason = Reason::kStorageFailed;
    TRIB_TRY(last, ports_.carried->last(work.task.key.job, work.task.key.round));
    own = std::move(last);
    work.reason = Reason::kTrainingFailed;
  }
  Model& model = sent.model;
  put_local(train_spec, part_of(own, "local"), model);
  TRIB_TRY(counts, evaluate_as(work, "global", model, data->validation));
  std::vector<float> personal = part_of(own, "personal", model.values.size());
  if (!personal.empty()) {
    model.values = std::move(personal);
    TRIB_TRY(figures, evaluate_as(work, "personal", model, data->validation));
    static_cast<void>(figures);
  }
  TRIB_TRY(tuned, fine_tune(work, *data, model));
  if (tuned || own.contains("personal") || own.contains("local"))
    TRIB_CHECK_OK(export_personal(work, model));
  tell_less(work.policy, counts);
  if (!summed_secretly(work.job, TaskKind::kEvaluate))
    return TaskOutcome{EvaluateResult{std::move(counts)}};
  SumGift gift = gift_for(work.task);
  gift.counts = numbers_of(counts, work.job.data);
  TRIB_CHECK_OK(keep_for_sum(work, gift));
  return TaskOutcome{EvaluateResult{}};
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/compare.h"

#include "client/learning/learner.h"
#include "common/base/random_source.h"
#include "common/domain/figures.h"

namespace tributary {
namespace {

void append(ExampleSet& to, const ExampleSet& from) {
  to.input_shape = from.input_shape;
  to.rows += from.rows;
  to.inputs.insert(to.inputs.end(), from.inputs.begin(), from.inputs.end());
  to.labels.insert(to.labels.end(), from.labels.begin(), from.labels.end());
  to.targets.insert(to.targets.end(), from.targets.begin(), from.targets.end());
}

// Alone there is nothing to agree on, and nothing that others must not have.
Result<Model> train_alone(JobSpec job, ByteView module_file, const std::string& name,
                          const ExampleSet& data) {
  job.train.algorithm = {"fedavg", {}};
  job.train.keep_local.clear();
  TRIB_TRY(model, initial_model(job, data.input_shape, module_file));
  for (RoundNumber round = 1; round <= job.rounds.rounds; ++round) {
    const TrainRequest request{
        job, round, model, data,       derive_seed(job.seed, "shuffle/" + name, round),
        1,   {},    {},    module_file};
    TRIB_TRY(trained, train(request));
    for (std::size_t i = 0; i < model.values.size(); ++i)
      model.values[i] += trained.update.values[i];
  }
  return model;
}

}  // namespace

Result<std::vector<ComparedModel>> compare_models(const JobSpec& job, ByteView module_file,
                                                  std::vector<VirtualSite>& sites,
                                                  const Model* federated) {
  std::erase_if(sites, &VirtualSite::evaluator);  // whose rows are no site's
  std::map<std::string, DataSummary> summaries;
  std::string detail;
  for (VirtualSite& site : sites) {
    auto summary = site.data->summarize(job, detail);
    if (!summary)
      return make_error(summary.error().code,
                        site.name.value + ": " + summary.error().message + " " + detail);
    summaries[site.name.value] = *std::move(summary);
  }
  TRIB_TRY(plan, agree_on_plan(job.data, summaries));
  ExampleSet pooled;
  std::map<SiteName, std::shared_ptr<const SiteExamples>> by_site;
  for (VirtualSite& site : sites) {
    TRIB_TRY(examples, site.data->examples(job, plan, detail));
    append(pooled, examples->training);
    by_site[site.name] = std::move(examples);
  }
  std::vector<ComparedModel> compared;
  const auto judge = [&](const std::string& name, std::int64_t rows, const Model& model) -> Status {
    ComparedModel& one = compared.emplace_back();
    one.name = name;
    one.training_rows = static_cast<std::uint64_t>(rows);
    EvaluationCounts sum;
    for (const auto& [site, examples] : by_site) {
      if (examples->validation.rows == 0) continue;
      TRIB_TRY(counts, evaluate(job, model, examples->validation, 1, module_file));
      one.by_site[site] = figures_of(counts, job.data.target);
      TRIB_CHECK_OK(add_counts(sum, counts));
    }
    one.figures = figures_of(sum, job.data.target);
    return {};
  };
  if (federated != nullptr) TRIB_CHECK_OK(judge("federated", pooled.rows, *federated));
  for (const auto& [site, examples] : by_site) {
    if (examples->training.rows == 0) continue;
    TRIB_TRY(alone, train_alone(job, module_file, site.value, examples->training));
    TRIB_CHECK_OK(judge(site.value + " alone", examples->training.rows, alone));
  }
  TRIB_TRY(together, train_alone(job, module_file, "pooled", pooled));
  TRIB_CHECK_OK(judge("all data pooled", pooled.rows, together));
  return compared;
}

}  // namespace tributary

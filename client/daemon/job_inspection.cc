// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/job_inspection.h"

#include <sstream>

#include "client/daemon/privacy_command.h"
#include "client/learning/learner.h"
#include "client/learning/local_tensors.h"
#include "client/policy/policy_check.h"
#include "client/policy/told_figures.h"
#include "client/work/site_data.h"
#include "common/base/random_source.h"
#include "common/base/short_number.h"
#include "common/base/text.h"
#include "common/config/encoding_choice.h"
#include "common/config/job_file.h"
#include "common/privacy/secagg/sum_plan.h"
#include "common/tensor/companions.h"

namespace tributary {
namespace {

struct Inspection {
  const KnownJob& known;
  const JobSpec& job;
  SitePolicy policy;
  FileSiteData data;
  const PrivacyLedger& ledger;
  std::ostringstream out = {};
};

std::string shape_of(const TensorInfo& tensor) {
  std::string text;
  for (const std::int64_t size : tensor.shape)
    text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

void tell_what_runs(Inspection& to, const Result<SitePolicy>& policy) {
  const JobSpec& job = to.job;
  to.out << "\nwhat would run here\n  model      " << job.model.name;
  if (!to.known.module.digest.is_none())
    to.out << (job.transfer.start ? ", weights that come" : ", code that comes")
           << " with the job: " << to.known.module.digest.hex() << ", " << to.known.module.bytes
           << " bytes";
  to.out << "\n  data       " << job.data.dataset << "\n  algorithm  " << job.train.algorithm.name
         << ", loss " << loss_of(job) << ", optimizer " << job.train.optimizer.name;
  if (job.train.objective.name != "supervised")
    to.out << "\n  objective  " << job.train.objective.name;
  for (std::size_t i = 0; i < job.train.augment.size(); ++i)
    to.out << (i == 0 ? "\n  augmented  " : ", ") << job.train.augment[i].name;
  to.out << "\n  a round    ";
  if (job.train.steps > 0) {
    to.out << job.train.steps << " batches";
  } else {
    to.out << job.train.epochs << " passes over the rows";
  }
  to.out << ", batch size "
         << (job.train.batch_size > 0 ? std::to_string(job.train.batch_size) : "all rows")
         << "\n  rounds     " << job.rounds.rounds << ", a model of at least "
         << least_sites_of(job.rounds) << " sites' updates\n";
  Status permitted = policy ? permits_submitter(*policy, to.known.submitter) : policy.error();
  if (permitted)
    permitted = permits(*policy, SiteName{}, job, to.known.module.digest, job.rounds.rounds);
  to.out << "  policy     "
         << (permitted ? "lets it run, as far as its file tells" : permitted.error().message)
         << "\n";
}

void tell_summary(Inspection& to, const DataSummary& summary) {
  to.out << "\nwhat would leave, before the first round\n  rows       ";
  if (to.job.privacy.secure_aggregation) {
    to.out << "only whether there are any to train on and to judge by\n";
  } else {
    to.out << summary.training_rows << " to train on, " << summary.validation_rows
           << " to judge by\n";
  }
  for (const auto& [column, of] : summary.numeric)
    to.out << "  column     " << escaped(column) << ": count " << of.count << ", mean " << of.mean
           << ", sum of squared deviations " << of.squared_deviations << "\n";
  for (const auto& [column, words] : summary.categories) {
    to.out << "  column     " << escaped(column) << ":";
    for (const auto& [word, rows] : words) to.out << " " << escaped(word) << " (" << rows << ")";
    to.out << "\n";
  }
}

// The size of an update whose values are nothing in particular; zstd makes others of others.
Result<std::size_t> encoded_size(const JobSpec& job, const Layout& layout) {
  SeededRandom random(job.seed);
  std::vector<float> values(layout.element_count());
  for (float& value : values) value = static_cast<float>(0.01 * random.normal());
  if (job.privacy.secure_aggregation) {
    const TaskKey key{JobId{""}, 1, 1, TaskKind::kTrain};
    const SumContext context = sum_context(job, key, {}, {}, values.size());
    return input_bytes(context.numbers, context.bits, context.wide);
  }
  TRIB_TRY(file, encode_update(encoding_choice(job.train.encoding), layout, values, job.seed));
  return file.size();
}

Status tell_update(Inspection& to, const std::vector<std::int64_t>& input_shape) {
  const JobSpec& job = to.job;
  JobSpec alike = job;
  alike.transfer.start = false;  // tensors of the same sizes
  TRIB_TRY(model, initial_model(alike, input_shape, {}));
  const Layout layout = update_layout(companions_of(job.train.algorithm.name), model.layout);
  to.out << "  model      the initial one, made of the job's seed and "
         << (job.transfer.start ? "its weights" : "nothing else") << "\n"
         << "\nwhat would leave, in each round\n";
  for (const TensorInfo& tensor : layout.tensors) {
    to.out << "  tensor     " << tensor.name << " " << shape_of(tensor);
    if (stays_local(job.train, tensor.name)) {
      to.out << ": stays here, zeros leave\n";
    } else {
      to.out << ": what training changed, " << sizeof(float) * element_count(tensor) << " bytes\n";
    }
  }
  TRIB_TRY(bytes, encoded_size(job, layout));
  to.out << "  upload     about " << bytes << " bytes, "
         << (job.privacy.secure_aggregation ? "masked, with figures among them"
                                            : "as " + job.train.encoding.name)
         << "\n";
  const auto stays = [&](const std::string& name) { return stays_local(job.train, name); };
  Status permitted = permits_model(to.policy, model.layout, stays);
  if (permitted) permitted = permits_upload(to.policy, bytes);
  if (!permitted) to.out << "  policy     " << permitted.error().message << "\n";
  return {};
}

void tell_privacy(Inspection& to, std::uint64_t rows) {
  to.out << "  privacy    ";
  if (const auto& secure = to.job.privacy.secure_aggregation) {
    const std::int64_t least = std::max<std::int64_t>(
        to.policy.min_secure_sites,
        secure->group_size > 0 ? secure->group_size : least_sites_of(to.job.rounds));
    to.out << "of this site's update and figures the coordinator learns the sum with at least "
           << least - 1 << " others, and nothing else\n             ";
  }
  const bool hidden = hides_sites(to.job, TaskKind::kTrain);
  if (hidden) {
    const SitePrivacy& sites = *to.job.privacy.sites;
    to.out << "this site adds its part of the noise before anything leaves: with all the job's "
              "sums epsilon is at most "
           << short_number(sites.max_epsilon) << " at delta " << short_number(sites.delta)
           << ",\n             for its whole update, the coordinator included, if at most a share "
           << short_number(to.job.privacy.secure_aggregation->adversarial)
           << " of the sites of a sum work with it\n             ";
  }
  if (to.job.privacy.records) {
    to.out << promise_of_records(to.known.id, to.job, to.policy, to.ledger, rows) << "\n";
  } else if (hidden) {
    to.out << "evaluations have no noise: their sums are exact\n";
  } else if (to.job.privacy.secure_aggregation) {
    to.out << "no noise is added: the sum is exact\n";
  } else {
    to.out << "no noise is added and no sum is masked: the coordinator sees this site's update as "
              "it is\n";
  }
}

void tell_figures(Inspection& to, std::uint64_t rows) {
  const JobSpec& job = to.job;
  const bool binary = job.data.target == TargetKind::kBinary;
  const bool measured =
      job.data.target == TargetKind::kRegression || job.data.target == TargetKind::kUnlabelled;
  if (job.privacy.secure_aggregation) {
    to.out << "  figures    seconds"
           << (hides_sites(job, TaskKind::kTrain) ? ""
                                                  : "; in the sum alone: rows, loss, norm of the "
                                                    "update")
           << "\n";
  } else {
    to.out << "  figures    rows, " << (job.privacy.records ? "" : "mean loss, ")
           << "norm of the update, seconds\n";
  }
  to.out << "  evaluation ";
  if (job.evaluation.by_evaluators) {
    to.out << "by evaluators: nothing of this site\n";
  } else {
    to.out << (job.evaluation.every > 0
                   ? "every " + std::to_string(job.evaluation.every) + " rounds, and at the end"
                   : "at the end")
           << ": rows, sum of the loss" << (measured ? "" : ", hits and misses by class")
           << (binary ? ", rows by score (4096 bins) and class" : "")
           << (job.privacy.secure_aggregation ? "; in the sum alone" : "") << "\n";
  }
  if (to.policy.metrics || to.policy.min_count > 0 || to.policy.decimals < 15)
    to.out << "             less where policy.metrics says so\n";
  tell_privacy(to, rows);
}

}  // namespace

Result<std::string> inspection_of(const KnownJob& known, const Result<SitePolicy>& policy,
                                  const std::map<std::string, PluginChoice>& datasets,
                                  const PrivacyLedger& ledger) {
  TRIB_TRY(file, parse_job(known.document, known.id.value));
  Inspection to{known, file.spec, policy ? *policy : SitePolicy{}, FileSiteData(datasets), ledger};
  tell_what_runs(to, policy);
  std::string detail;
  Result<DataSummary> summary = to.data.summarize(file.spec, detail);
  if (!summary) {
    to.out << "\nwhat would leave cannot be told: "
           << escaped(detail.empty() ? summary.error().message : detail) << "\n";
    return to.out.str();
  }
  if (const Status permitted =
          permits_rows(to.policy, file.spec, static_cast<std::int64_t>(summary->training_rows));
      !permitted)
    to.out << "  policy     " << escaped(permitted.error().message) << "\n";
  const std::uint64_t rows = summary->training_rows;  // as they are, whatever is told of them
  tell_less(to.policy, *summary);
  tell_less(file.spec, *summary);
  tell_summary(to, *summary);
  if (!known.module.digest.is_none() && !file.spec.transfer.start) {
    to.out << "\nwhat would leave, in each round\n  tensors    those of the module, which is not "
              "loaded to look at it\n";
    tell_figures(to, rows);
    return to.out.str();
  }
  // As this site's own words give it: others may add some, and the first layer an input for each.
  TRIB_TRY(plan, agree_on_plan(file.spec.data, {{"here", *summary}}));
  TRIB_TRY(examples, to.data.examples(file.spec, plan, detail));
  TRIB_CHECK_OK(tell_update(to, examples->training.input_shape));
  tell_figures(to, rows);
  return to.out.str();
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/policy/policy_check.h"

#include <fnmatch.h>

#include <algorithm>
#include <limits>

#include "common/base/short_number.h"

namespace tributary {
namespace {

Status denied(const std::string& rule, const std::string& what) {
  return make_error(ErrorCode::kPermissionDenied, "policy." + rule + " " + what);
}

Status named(const SitePolicy::Names& names, const std::string& rule, const std::string& wanted) {
  if (!names || std::ranges::count(*names, wanted)) return {};
  return denied(rule, "does not name '" + wanted + "'");
}

Status at_most(std::int64_t limit, const std::string& rule, std::int64_t wanted) {
  if (wanted <= limit) return {};
  return denied(rule, "is " + std::to_string(limit) + ", the job wants " + std::to_string(wanted));
}

Status at_least(std::int64_t limit, const std::string& rule, std::int64_t found) {
  if (found >= limit) return {};
  return denied(rule,
                "is " + std::to_string(limit) + ", with this job it is " + std::to_string(found));
}

Status permits_family(const SitePolicy& policy, const std::string& family, const Digest& module) {
  const bool brings_code = family == "torchscript";
  if (policy.model_families || !brings_code)
    TRIB_CHECK_OK(named(policy.model_families, "model_families", family));
  if (!brings_code || std::ranges::count(policy.torchscript, module)) return {};
  return denied("torchscript", "does not name the job's module " + module.hex());
}

// A job that promises nothing spends without end.
Status permits_records(const SitePolicy& policy, const std::optional<RecordPrivacy>& records) {
  const double endless = std::numeric_limits<double>::infinity();
  if (!records) {
    if (policy.needs_differential_privacy)
      return denied("differential_privacy", "is required, and the job has no privacy.records");
    if (policy.max_epsilon < endless)
      return denied("privacy.max_epsilon", "is set, and the job has no privacy.records");
    if (policy.max_epsilon_total < endless)
      return denied("privacy.max_epsilon_total", "is set, and the job has no privacy.records");
    return {};
  }
  const auto beyond = [](const char* rule, double limit, double wanted) {
    return denied(rule, "is " + short_number(limit) + ", the job wants " + short_number(wanted));
  };
  if (records->max_epsilon > policy.max_epsilon)
    return beyond("privacy.max_epsilon", policy.max_epsilon, records->max_epsilon);
  if (records->delta > policy.max_delta)
    return beyond("privacy.max_delta", policy.max_delta, records->delta);
  if (records->noise_multiplier < policy.min_noise_multiplier)
    return beyond("privacy.min_noise_multiplier", policy.min_noise_multiplier,
                  records->noise_multiplier);
  return {};
}

bool is_among(const std::vector<DayTime>& hours, int minute_of_day) {
  if (hours.empty()) return true;
  return std::ranges::any_of(hours, [minute_of_day](const DayTime& time) {
    const bool after = minute_of_day >= time.from, before = minute_of_day < time.to;
    return time.from < time.to ? after && before : after || before;
  });
}

}  // namespace

std::string loss_of(const JobSpec& job) {
  switch (job.data.target) {
    case TargetKind::kBinary:
      return "bce";
    case TargetKind::kClasses:
    case TargetKind::kSegmentation:
    case TargetKind::kTokens:
      return "cross_entropy";
    case TargetKind::kRegression:
    case TargetKind::kUnlabelled:
      break;
  }
  return "mse";
}

Status permits(const SitePolicy& policy, const SiteName& site, const JobSpec& job,
               const Digest& module, RoundNumber round) {
  const auto& secure = job.privacy.secure_aggregation;
  if (policy.needs_secure_aggregation && !secure)
    return denied("secure_aggregation", "is required, and the job has none");
  if (secure) {
    const std::int64_t sites =
        secure->group_size > 0 ? secure->group_size : least_sites_of(job.rounds);
    TRIB_CHECK_OK(at_least(policy.min_secure_sites, "privacy.min_secure_sites", sites));
  }
  TRIB_CHECK_OK(permits_records(policy, job.privacy.records));
  if (job.aggregation.root() == site && !policy.trains_as_root) {
    return make_error(ErrorCode::kPermissionDenied,
                      "aggregate.rule.root names this site, and policy.trains_as_root is not set");
  }
  TRIB_CHECK_OK(named(policy.datasets, "datasets", job.data.dataset));
  TRIB_CHECK_OK(permits_family(policy, job.model.name, module));
  TRIB_CHECK_OK(named(policy.losses, "losses", loss_of(job)));
  TRIB_CHECK_OK(named(policy.optimizers, "optimizers", job.train.optimizer.name));
  TRIB_CHECK_OK(named(policy.algorithms, "algorithms", job.train.algorithm.name));
  TRIB_CHECK_OK(at_most(policy.max_rounds, "limits.max_rounds",
                        std::max<std::int64_t>(job.rounds.rounds, round)));
  if (job.train.steps == 0)
    TRIB_CHECK_OK(at_most(policy.max_epochs, "limits.max_epochs", job.train.epochs));
  if (job.train.fine_tune)
    TRIB_CHECK_OK(at_most(policy.max_epochs, "limits.max_epochs", job.train.fine_tune->epochs));
  if (job.train.batch_size > 0) {
    TRIB_CHECK_OK(at_least(policy.min_batch_size, "limits.min_batch_size", job.train.batch_size));
    TRIB_CHECK_OK(at_most(policy.max_batch_size, "limits.max_batch_size", job.train.batch_size));
  }
  return at_least(policy.min_sites, "limits.min_sites", least_sites_of(job.rounds));
}

// Whoever signed the job and whoever runs it have each said a number, and both have to be enough.
Status permits_round(const SitePolicy& policy, const Task& task) {
  if (task.least_sites == 0) return {};
  return at_least(policy.min_sites, "limits.min_sites", task.least_sites);
}

Status permits_submitter(const SitePolicy& policy, const std::string& name) {
  return named(policy.submitters, "submitters", name);
}

Status permits_coordinator(const SitePolicy& policy, const std::string& name,
                           const std::string& fingerprint) {
  if (!policy.coordinators) return {};
  for (const TrustedCoordinator& one : *policy.coordinators) {
    if (one.name == name && (!one.certificate || one.certificate->hex() == fingerprint)) return {};
  }
  return denied("coordinators", "does not name '" + name + "' with the certificate " + fingerprint);
}

Status permits_rows(const SitePolicy& policy, const JobSpec& job, std::int64_t rows) {
  TRIB_CHECK_OK(at_least(policy.min_records, "limits.min_records", rows));
  if (rows == 0) return {};
  const std::int64_t batch = job.train.batch_size > 0 ? std::min(job.train.batch_size, rows) : rows;
  TRIB_CHECK_OK(at_least(policy.min_batch_size, "limits.min_batch_size", batch));
  TRIB_CHECK_OK(at_most(policy.max_batch_size, "limits.max_batch_size", batch));
  if (job.train.steps == 0) return {};
  // Batches over all rows, as passes; one that is begun counts.
  const std::int64_t batches_of_a_pass = (rows + batch - 1) / batch;
  return at_most(policy.max_epochs, "limits.max_epochs",
                 (job.train.steps + batches_of_a_pass - 1) / batches_of_a_pass);
}

Status permits_model(const SitePolicy& policy, const Layout& layout,
                     const std::function<bool(const std::string& tensor)>& stays) {
  TRIB_CHECK_OK(at_most(policy.max_parameters, "limits.max_parameters",
                        static_cast<std::int64_t>(layout.element_count())));
  for (const TensorInfo& tensor : layout.tensors) {
    const bool must_stay =
        std::ranges::any_of(policy.local_tensors, [&tensor](const std::string& pattern) {
          return fnmatch(pattern.c_str(), tensor.name.c_str(), 0) == 0;
        });
    if (must_stay && !stays(tensor.name))
      return denied("local_tensors", "names '" + tensor.name + "', train.keep_local does not");
  }
  return {};
}

Status permits_upload(const SitePolicy& policy, std::uint64_t bytes) {
  return at_most(policy.max_upload_bytes, "limits.max_upload", static_cast<std::int64_t>(bytes));
}

bool open_at(const SitePolicy& policy, int minute_of_day) {
  return is_among(policy.hours, minute_of_day);
}

std::optional<std::int64_t> upload_rate_at(const SitePolicy& policy, int minute_of_day) {
  for (const UploadRate& rate : policy.bandwidth) {
    if (is_among(rate.hours, minute_of_day)) return rate.bytes_per_second;
  }
  return std::nullopt;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Whether a site's policy lets a job run there, as soon as each thing about it is known. Pure, any
// thread. Each fails with kPermissionDenied, the rule, and what the job wants: for the site's own
// log, not for the coordinator: a policy is nobody else's business.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/domain/site_policy.h"
#include "common/domain/task.h"
#include "common/tensor/layout.h"

namespace tributary {

// What stands in the job. `module` is that of a TorchScript job, `round` the one that is asked for:
// operators may have asked for more than the job file says.
Status permits(const SitePolicy& policy, const SiteName& site, const JobSpec& job,
               const Digest& module, RoundNumber round);
// What operators have changed of its rounds, as the task tells it.
Status permits_round(const SitePolicy& policy, const Task& task);
// Who submitted it.
Status permits_submitter(const SitePolicy& policy, const std::string& name);
// Who offers it: the name in its certificate, and the certificate's SHA-256 in hexadecimal.
Status permits_coordinator(const SitePolicy& policy, const std::string& name,
                           const std::string& fingerprint);
// The rows that it would train on.
Status permits_rows(const SitePolicy& policy, const JobSpec& job, std::int64_t rows);
// The model; `stays` says which of its tensors the job leaves at the site.
Status permits_model(const SitePolicy& policy, const Layout& layout,
                     const std::function<bool(const std::string& tensor)>& stays);
Status permits_upload(const SitePolicy& policy, std::uint64_t bytes);

// Whether jobs may run at this minute of the site's day.
bool open_at(const SitePolicy& policy, int minute_of_day);
// Bytes a second that may leave then; none: no limit.
std::optional<std::int64_t> upload_rate_at(const SitePolicy& policy, int minute_of_day);
// The loss that the job trains with, where it says auto too.
std::string loss_of(const JobSpec& job);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// privacy.secure_aggregation of a job file, and what it asks of the rest of the job; inside this
// room only. One thread.
#pragma once

#include <optional>

#include "common/config/yaml_reader.h"
#include "common/domain/job_spec.h"

namespace tributary {

// `sites`: of the same section, whose clip is the same.
std::optional<SecureAggregation> read_secure_aggregation(Section& privacy,
                                                         const std::optional<SitePrivacy>& sites);
// Against the other choices of the job.
void check_secure_aggregation(Section& root, Section& privacy, const JobSpec& spec);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// How a job's target maps to a model's outputs, and whether a site's examples fit. Plain functions,
// any thread.
#pragma once

#include <cstdint>

#include "client/data/example_set.h"
#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

// 1 for binary (a logit) and regression, else the number of classes.
std::int64_t model_outputs(const DataSpec& data);
// Sizes agree, labels are classes of the job, inputs are ids where the job's family wants ids.
Status check_examples(const JobSpec& job, const ExampleSet& data);

}  // namespace tributary

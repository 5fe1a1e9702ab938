// SPDX-License-Identifier: Apache-2.0
// How a job's target maps to a model's outputs, and whether a site's examples fit. Plain functions,
// any thread.
#pragma once

#include <cstdint>

#include "client/data/example_set.h"
#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

// 1 for binary (a logit), as many as a row has targets for regression, what an example is made of
// where there are no labels, else the number of classes.
std::int64_t model_outputs(const DataSpec& data, const std::vector<std::int64_t>& input_shape);
// Sizes agree, labels are classes of the job, inputs are ids where the job's family wants ids.
Status check_examples(const JobSpec& job, const ExampleSet& data);

}  // namespace tributary

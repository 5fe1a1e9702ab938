// SPDX-License-Identifier: Apache-2.0
// Made-up rows of a trained model. Plain function, any thread. It knows no columns and no words,
// and compares with nothing (client/synthetic does).
#pragma once

#include <cstdint>
#include <vector>

#include "client/data/example_set.h"
#include "client/learning/family.h"
#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/tensor/layout.h"

namespace tributary {

// Values of all rows together: 4 GiB, which a machine that trains has.
inline constexpr std::int64_t kMadeValuesMax = 1 << 30;

struct GenerateRequest {
  const JobSpec& job;
  const Model& model;
  std::vector<std::int64_t> input_shape;
  std::int64_t rows = 0;
  std::uint64_t seed = 1;  // the same seed, the same rows
  std::vector<WordGroup> groups = {};
};

// Rows as the model sees rows, in its units; of the inputs of a group exactly one is 1. No labels.
// kInvalidArgument: a family that makes none, with the names of those that do, groups beyond the
// inputs, or more than kMadeValuesMax; kFailedPrecondition: a model that does not fit the family,
// or is no finite numbers.
Result<ExampleSet> generate(const GenerateRequest& request);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// The plan of a job's inputs, from what a downloaded model says of itself. Plain functions, any
// thread, no I/O.
#pragma once

#include <map>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/domain/data_plan.h"
#include "common/domain/job_spec.h"
#include "common/tensor/layout.h"

namespace tributary {

struct DescribedModel {
  Model model;
  std::map<std::string, std::string> metadata;
};
// kDataLoss: no safetensors file.
Result<DescribedModel> read_model_file(ByteView bytes);

// Statistics and vocabularies of `tributary.inputs`, as tributaryctl writes them
// (coordinator/ctl/model_metadata.h), held against the job: the inputs that follow are the ones
// named. Without them the plan is what the job itself fixes. kInvalidArgument: it is not the job's
// model, or does not say what the job needs.
Result<DataPlan> plan_of_model(const DataSpec& data,
                               const std::map<std::string, std::string>& metadata);

}  // namespace tributary

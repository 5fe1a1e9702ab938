// SPDX-License-Identifier: Apache-2.0
// The sections of a job file, one reader each; inside this room only. One thread.
#pragma once

#include "common/config/yaml_reader.h"
#include "common/domain/job_spec.h"

namespace tributary {

DataSpec read_data(Section& root);
TrainSpec read_train(Section& root);
AggregationSpec read_aggregate(Section& root);
RoundPolicy read_rounds(Section& root);
EvaluationSpec read_evaluate(Section& root, const DataSpec& data);

}  // namespace tributary

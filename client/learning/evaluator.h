// SPDX-License-Identifier: Apache-2.0
// Counts a model's outputs on a site's rows. Internal to this room, with Torch types. Plain
// function, any thread; may throw what Torch throws.
#pragma once

#include <functional>

#include "client/data/example_set.h"
#include "client/learning/torch_model.h"
#include "common/domain/evaluation.h"

namespace tributary {

// The model is in evaluation mode from then on. `data` fits the job (check_examples); `should_stop`
// may be empty; asked before every batch, and kCancelled then.
Result<EvaluationCounts> count_scores(TorchModel& model, const JobSpec& job, const ExampleSet& data,
                                      const std::function<bool()>& should_stop);

}  // namespace tributary

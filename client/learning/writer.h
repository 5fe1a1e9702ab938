// SPDX-License-Identifier: Apache-2.0
// Texts that a translator writes in an evaluation. Plain function; the model belongs to the
// caller's thread.
#pragma once

#include <functional>

#include "client/data/example_set.h"
#include "client/learning/torch_model.h"
#include "common/domain/evaluation.h"

namespace tributary {

// Writes the texts of the first evaluation.written_rows rows anew, greedily: behind the start, each
// time the token that the model finds most likely, up to the end of a text; and adds to `counts`
// what BLEU counts of them beside the rows' labels. Inputs are a source and, of as many places as
// there are labels, what is written so far. Errors: kFailedPrecondition where there is no source;
// kCancelled when `should_stop` (may be empty) says so, asked before each token.
Status write_texts(const JobSpec& job, TorchModel& model, const ExampleSet& data,
                   const std::function<bool()>& should_stop, EvaluationCounts& counts);

}  // namespace tributary

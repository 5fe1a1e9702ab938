// SPDX-License-Identifier: Apache-2.0
// A job's model in words: tensors, sizes, what is trained. Plain functions, any thread. No Torch:
// the layout comes from initial_model, of a module by way of its confined process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/tensor/layout.h"

namespace tributary {

// Shape of one example, as far as the job says it: that of arrays and texts, of a table if each of
// its categories lists its words. kInvalidArgument: what is missing, which sites agree on before
// the first round.
Result<std::vector<std::int64_t>> input_shape_of(const DataSpec& data);

// `layout`: of the whole model, as it would be without job.transfer. One line a tensor: name,
// shape, values, and whether it is trained, frozen (transfer.freeze), a statistic of batches, or
// stays at the site (train.keep_local). Then the sums, and the shapes of one example's inputs and
// outputs.
std::string describe(const JobSpec& job, const Layout& layout,
                     const std::vector<std::int64_t>& input_shape);

}  // namespace tributary

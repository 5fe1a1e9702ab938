// SPDX-License-Identifier: Apache-2.0
// Features: which of a model's inputs are explained together. Plain value and functions, any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/domain/data_plan.h"
#include "common/domain/job_spec.h"

namespace tributary {

struct Features {
  std::size_t count = 0;
  std::vector<std::string> names;       // one each; empty: pixels, row by row
  std::vector<std::uint32_t> of_input;  // the feature of each input
  std::int64_t height = 0;              // of a picture; 0: it is none
  std::int64_t width = 0;

  bool pictures() const { return height > 0; }
  // [feature]: its inputs, in order.
  std::vector<std::vector<std::uint32_t>> inputs() const;
};

// Tables: a column each, whatever number of inputs a category takes; windows of rows: a column
// each, over all times. Arrays of 1 or 3 channels: a pixel each, over its channels. Other arrays:
// an input each, "place 1" and so on. kInvalidArgument where the plan does not give as many inputs
// as `input_shape` has.
Result<Features> features_of_inputs(const DataSpec& data, const DataPlan& plan,
                                    const std::vector<std::int64_t>& input_shape);

}  // namespace tributary

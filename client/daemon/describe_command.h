// SPDX-License-Identifier: Apache-2.0
// `tributary-client model describe`: the model of a job's file, before anybody trains it. For the
// command line's one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace tributary {

struct DescribeOptions {
  std::string job;                        // file
  std::vector<std::int64_t> input_shape;  // of one example; empty: as the job says
};

// Prints it. A module is loaded in a confined process.
Status describe_model(const DescribeOptions& options);

}  // namespace tributary

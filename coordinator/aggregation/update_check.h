// SPDX-License-Identifier: Apache-2.0
// Whether an update may be counted: shape, finite values, bounds, example count. A plain function,
// any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "common/domain/job_spec.h"
#include "common/domain/reason.h"
#include "common/tensor/value_stream.h"

namespace tributary {

struct CheckedUpdate {
  Reason reason = Reason::kAccepted;
  std::string detail;  // what was wrong, and where in the model
  double norm = 0.0;   // L2
};

// Reads `update` to its end or to the first fault; fails only where it cannot be read. `model`: its
// first so many values are differences of the model; what stands after them has no part in the
// norm.
Result<CheckedUpdate> check_update(const AggregationSpec& spec, const Layout& expected,
                                   ValueSource& update, std::uint64_t examples,
                                   std::size_t model = std::numeric_limits<std::size_t>::max());

}  // namespace tributary

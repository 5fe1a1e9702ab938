// SPDX-License-Identifier: Apache-2.0
// Whether an update may be counted: shape, finite values, bounds, example count. A plain function,
// any thread.
#pragma once

#include <cstdint>
#include <string>

#include "common/domain/job_spec.h"
#include "common/domain/reason.h"
#include "common/tensor/layout.h"

namespace tributary {

struct CheckedUpdate {
  Reason reason = Reason::kAccepted;
  std::string detail;  // what was wrong, and where in the model
  double norm = 0.0;   // L2
};

CheckedUpdate check_update(const AggregationSpec& spec, const Layout& expected, const Model& update,
                           std::uint64_t examples);

}  // namespace tributary

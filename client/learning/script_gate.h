// SPDX-License-Identifier: Apache-2.0
// The gate for code that comes with a job: every operator of every function that a TorchScript
// module brings is on the list of script_operators.h. Plain functions, any thread. They run nothing
// of the module. Internal to this room, with Torch types.
#pragma once

#include <torch/script.h>

#include <string>

#include "common/base/result.h"

namespace tributary {

// Methods of all its classes, hooks, what serialises them, functions that they call. Errors:
// kPermissionDenied with the operator and the function it stands in.
Status check_operators(const torch::jit::Module& module);

struct ForwardFindings {
  bool random = false;       // it draws random numbers in training
  std::string fixed_switch;  // the operator whose train/eval switch is a constant; or empty
  std::string mixes_rows;    // the operator that makes rows depend on each other; or empty
};
// kInvalidArgument: there is no forward().
Result<ForwardFindings> inspect_forward(const torch::jit::Module& module);

}  // namespace tributary

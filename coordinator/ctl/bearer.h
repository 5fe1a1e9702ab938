// SPDX-License-Identifier: Apache-2.0
// The token of an operator without a certificate: from a file that only its user can read, or from
// the environment; never from the command line, which everybody on the machine can see. Plain
// function, any thread. Errors quote nothing of a token.
#pragma once

#include <string>

#include "common/config/operator_file.h"

namespace tributary {

// As it is now: a long-lived program that dials again comes with the newest. kInvalidArgument:
// there is none, or others can read it.
Result<std::string> read_bearer(const OperatorConfig& config);

}  // namespace tributary

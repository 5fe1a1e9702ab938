// SPDX-License-Identifier: Apache-2.0
// A TorchScript module as its file's text tells it: a ZIP, in which code/ has a file of Python for
// each class. Read without Torch, so that whoever submits a job hears what sites would say of its
// module. It judges only names; what a module may really do is judged by the sites, whose word
// counts. Plain function, any thread.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tributary {

// kPermissionDenied: a function runs an operator that is not on the list of script_operators.h;
// both are named. kInvalidArgument: no such file.
Status check_script(ByteView module);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// The head of NumPy's .npy format, versions 1 to 3:
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
// Inside this room only. Plain functions, any thread.
#pragma once

#include "client/data/arrays.h"

namespace tributary {

// Leaves `read` before the first value. Errors name neither file nor value.
Result<ArrayHead> read_npy_head(const ReadBytes& read);

}  // namespace tributary

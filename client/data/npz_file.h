// SPDX-License-Identifier: Apache-2.0
// Rows as a .npz that numpy.load opens, and this room's loader. Plain function, any thread. It
// writes no file.
#pragma once

#include "client/data/example_set.h"
#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tributary {

// One array, `inputs`: float32 [rows, ...input_shape], each value divided by `value_scale`.
Result<Bytes> npz_of(const ExampleSet& rows, double value_scale);

}  // namespace tributary

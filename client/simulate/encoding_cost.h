// SPDX-License-Identifier: Apache-2.0
// What an encoding costs a site and the coordinator in time, measured on an update of a real job.
// One thread.
#pragma once

#include "common/base/result.h"
#include "common/tensor/layout.h"
#include "common/tensor/update_encoding.h"

namespace tributary {

struct EncodingCost {
  double encode_seconds = 0.0;  // as a site does it, with what it keeps for the next round
  double decode_seconds = 0.0;
};

// The shortest of several times.
Result<EncodingCost> measure_encoding(const EncodingChoice& choice, const Model& update);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// The encoding of updates that a job names, with the options of its catalogue, as the encodings
// take it. A plain function, any thread.
#pragma once

#include "common/domain/job_spec.h"
#include "common/tensor/update_encoding.h"

namespace tributary {

// Of an encoding that was parsed.
EncodingChoice encoding_choice(const PluginChoice& encoding);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// What someone with a new patient's row must know to use a downloaded model, for the __metadata__
// of its safetensors file: the inputs in order with their standardisation, what the outputs mean,
// the job's file. Page for people: deploy/reference/README.md. Any thread, no I/O.
#pragma once

#include <map>
#include <string>

#include "common/base/result.h"
#include "common/domain/messages.h"

namespace tributary {

// Fails where the job's document is none that this version reads.
Result<std::map<std::string, std::string>> model_metadata(const ModelInfo& info);

}  // namespace tributary

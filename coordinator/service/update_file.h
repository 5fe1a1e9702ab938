// SPDX-License-Identifier: Apache-2.0
// An update's file, opened as the job wants it written. Plain function, any thread.
#pragma once

#include <memory>

#include "common/domain/job_spec.h"
#include "common/storage/file_system.h"
#include "common/tensor/value_stream.h"

namespace tributary {

// The values; they keep the file open. kDataLoss: no update's file, or written in another encoding
// than the job's. A job of plain float32 takes any plain safetensors file.
Result<std::unique_ptr<ValueSource>> open_update_file(std::unique_ptr<ReadFile> file,
                                                      const PluginChoice& encoding,
                                                      const Layout& layout);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Loaders of arrays that lie in files of their own, one for the inputs and one for the labels.
// Inside this room only. Plain functions, any thread.
#pragma once

#include "client/data/arrays.h"

namespace tributary {

struct ArrayFiles {
  std::string inputs, labels;                        // paths
  std::string validation_inputs, validation_labels;  // or empty
};

// `read_head` leaves its argument before the first value. Files are plain or .gz.
Result<RawData> load_array_files(const ArrayFiles& files,
                                 Result<ArrayHead> (*read_head)(const ReadBytes&),
                                 const DataSpec& spec, LoadContext& context);

}  // namespace tributary

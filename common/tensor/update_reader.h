// SPDX-License-Identifier: Apache-2.0
// Opens an update's file, whatever its encoding, as a ValueSource: block after block, with one
// chunk of values and zstd's window in memory, never the model. Everything that a file says is
// checked; whether its encoding is the job's is the caller's business. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/bytes.h"
#include "common/tensor/update_encoding.h"
#include "common/tensor/value_stream.h"

namespace tributary {

struct OpenedUpdate {
  // Of a plain safetensors file: fp32, fp16 or bf16 by the type of its tensors, "mixed" where they
  // are of several types, or of double precision.
  EncodingSpec spec;
  std::unique_ptr<ValueSource> values;
};

// `bytes`: the length of the file. kDataLoss, here or from values->read(): no such file; the
// message names what is wrong. Other errors are those of `read_at`. What is read may still be no
// number, where the encoding can say so.
Result<OpenedUpdate> open_update(ReadAt read_at, std::uint64_t bytes);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// safetensors, the format in which models and updates are stored and sent: u64 header length, JSON
// header, raw little-endian values. We write float32 only, tensors in layout order without gaps,
// the header padded with blanks to 8 bytes: equal models (and metadata) are equal bytes. Format:
// https://github.com/huggingface/safetensors. Any thread.
#pragma once

#include <map>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/tensor/layout.h"

namespace tributary {

// `metadata` goes under "__metadata__"; models on the wire and in the repository have none.
Bytes encode_safetensors(const Model& model,
                         const std::map<std::string, std::string>& metadata = {});

// What stands before the values of such a file.
Bytes encode_safetensors_head(const Layout& layout,
                              const std::map<std::string, std::string>& metadata = {});

// Accepts what other writers produce too (any order of data, F32/F64/F16/BF16, __metadata__); the
// tensors come in the order of their data. Everything is checked: lengths, offsets without gap or
// overlap, names, shapes. kDataLoss otherwise.
Result<Model> decode_safetensors(ByteView bytes);

}  // namespace tributary

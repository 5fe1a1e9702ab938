// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/safetensors.h"

#include <algorithm>
#include <span>

#include "common/tensor/safetensors_header.h"
#include "common/tensor/safetensors_reader.h"

namespace tributary {

Bytes encode_safetensors_head(const Layout& layout,
                              const std::map<std::string, std::string>& metadata) {
  return write_safetensors_head(layout, metadata, ElementType::kF32);
}

Bytes encode_safetensors(const Model& model, const std::map<std::string, std::string>& metadata) {
  TRIB_ASSERT(model.values.size() == model.layout.element_count(),
              "a model's values do not fill its layout");
  Bytes bytes = encode_safetensors_head(model.layout, metadata);
  const ByteView values = std::as_bytes(std::span(model.values));
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

Result<Model> decode_safetensors(ByteView bytes) {
  // What is read lies within the file: its header has been checked against its length.
  const auto read_at = [bytes](std::uint64_t offset, MutableByteView into) -> Status {
    const auto from = bytes.subspan(static_cast<std::size_t>(offset), into.size());
    std::ranges::copy(from, into.begin());
    return {};
  };
  TRIB_TRY(reader, SafetensorsReader::open(read_at, bytes.size()));
  Model model{reader->layout(), std::vector<float>(reader->layout().element_count())};
  TRIB_TRY(count, reader->read(model.values));
  TRIB_ASSERT(count == model.values.size(), "a header promised more values than there are");
  return model;
}

}  // namespace tributary

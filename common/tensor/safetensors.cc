// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/safetensors.h"

#include <algorithm>
#include <span>

#include "common/tensor/safetensors_header.h"
#include "common/tensor/safetensors_reader.h"

namespace tributary {
namespace {

constexpr std::size_t kLengthBytes = 8;

}  // namespace

Bytes encode_safetensors_head(const Layout& layout,
                              const std::map<std::string, std::string>& metadata) {
  const std::string header = write_safetensors_header(layout, metadata);
  Bytes bytes(kLengthBytes + header.size());
  put_little_endian(bytes.data(), std::uint64_t{header.size()});
  std::ranges::copy(as_bytes(header), bytes.begin() + kLengthBytes);
  return bytes;
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

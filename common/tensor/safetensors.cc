// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/safetensors.h"

#include <algorithm>
#include <cstring>

#include "common/tensor/safetensors_header.h"
#include "common/tensor/safetensors_reader.h"

namespace tributary {
namespace {

constexpr std::size_t kLengthBytes = 8;

}  // namespace

Bytes encode_safetensors(const Model& model, const std::map<std::string, std::string>& metadata) {
  TRIB_ASSERT(model.values.size() == model.layout.element_count(),
              "a model's values do not fill its layout");
  const std::string header = write_safetensors_header(model.layout, metadata);
  const std::size_t data_bytes = model.values.size() * sizeof(float);
  Bytes bytes(kLengthBytes + header.size() + data_bytes);
  put_little_endian(bytes.data(), std::uint64_t{header.size()});
  std::memcpy(bytes.data() + kLengthBytes, header.data(), header.size());
  if (data_bytes > 0)
    std::memcpy(bytes.data() + kLengthBytes + header.size(), model.values.data(), data_bytes);
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

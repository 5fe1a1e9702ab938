// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/tensor/shallow_json.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

Error damaged(const std::string& what) {
  return make_error(ErrorCode::kDataLoss, "not a usable safetensors file: " + what);
}

constexpr std::size_t kLengthBytes = 8;

constexpr std::pair<ElementType, const char*> kTypeNames[] = {{ElementType::kF32, "F32"},
                                                              {ElementType::kF64, "F64"},
                                                              {ElementType::kF16, "F16"},
                                                              {ElementType::kBF16, "BF16"},
                                                              {ElementType::kU8, "U8"}};

std::optional<ElementType> element_type(const std::string& name) {
  for (const auto& [type, known] : kTypeNames) {
    if (name == known) return type;
  }
  return std::nullopt;
}

std::string type_name(ElementType type) {
  for (const auto& [known, name] : kTypeNames) {
    if (type == known) return name;
  }
  return {};
}

Result<StoredTensor> read_entry(const std::string& name, const Json& entry) {
  const auto wrong = [&name](const std::string& what) {
    return damaged("tensor " + tributary::quoted(name) + " " + what);
  };
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets")) {
    return wrong("lacks dtype, shape or data_offsets");
  }
  StoredTensor stored;
  stored.info.name = name;
  const Json& dtype = entry["dtype"];
  const auto type = dtype.is_string() ? element_type(dtype.get<std::string>()) : std::nullopt;
  if (!type) return wrong("is not of type F32, F64, F16 or BF16");
  stored.type = *type;
  const Json& shape = entry["shape"];
  if (!shape.is_array() || shape.size() > limits::kTensorRankMax)
    return wrong("has an impossible shape");
  for (const Json& size : shape) {
    if (!size.is_number_unsigned() || size.get<std::uint64_t>() > limits::kBlobBytesMax) {
      return wrong("has an impossible shape");
    }
    stored.info.shape.push_back(size.get<std::int64_t>());
  }
  const Json& offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    return wrong("has impossible data_offsets");
  }
  stored.begin = offsets[0].get<std::uint64_t>();
  stored.end = offsets[1].get<std::uint64_t>();
  return stored;
}

Status check_extents(const std::vector<StoredTensor>& tensors, std::uint64_t data_bytes) {
  Layout layout;
  for (const StoredTensor& stored : tensors) layout.tensors.push_back(stored.info);
  if (Status valid = validate_layout(layout); !valid) return damaged(valid.error().message);
  std::uint64_t at = 0;
  for (const StoredTensor& stored : tensors) {
    const std::uint64_t size = element_count(stored.info) * element_bytes(stored.type);
    if (stored.begin != at || stored.end < stored.begin || stored.end - stored.begin != size) {
      return damaged("the data of tensor " + tributary::quoted(stored.info.name) +
                     " does not follow on the one before, or has not the size of its shape");
    }
    at = stored.end;
  }
  if (at != data_bytes) {
    return damaged("it holds " + std::to_string(data_bytes) + " bytes of data, its header says " +
                   std::to_string(at));
  }
  return {};
}

std::string write_header(const Layout& layout, const SafetensorsMetadata& metadata,
                         ElementType type) {
  // Written by hand, key by key: the order of the tensors is the order of their data, which a JSON
  // map would lose.
  std::string json = "{";
  if (!metadata.empty()) json += R"("__metadata__":)" + Json(metadata).dump();
  std::uint64_t at = 0;
  for (const TensorInfo& tensor : layout.tensors) {
    if (json.size() > 1) json += ",";
    const std::uint64_t end = at + element_count(tensor) * element_bytes(type);
    json += Json(tensor.name).dump() + R"(:{"dtype":")" + type_name(type) + R"(","shape":)" +
            Json(tensor.shape).dump() + R"(,"data_offsets":[)" + std::to_string(at) + "," +
            std::to_string(end) + "]}";
    at = end;
  }
  json += "}";
  json.resize((json.size() + 7) / 8 * 8, ' ');
  return json;
}

SafetensorsMetadata read_metadata(const Json& json) {
  SafetensorsMetadata metadata;
  if (!json.is_object()) return metadata;
  for (const auto& [name, text] : json.items()) {
    if (text.is_string()) metadata[name] = text.get<std::string>();
  }
  return metadata;
}

Result<SafetensorsHead> read_header(std::string_view text, std::uint64_t data_bytes) {
  const Json json = parse_shallow_json(text);
  if (!json.is_object()) return damaged("its header is no JSON object");
  if (json.size() > limits::kTensorsMax + 1) return damaged("it has too many tensors");
  SafetensorsHead head;
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__") {
      head.metadata = read_metadata(entry);
      continue;
    }
    TRIB_TRY(stored, read_entry(name, entry));
    head.tensors.push_back(std::move(stored));
  }
  // Empty tensors share their place with the next; the end keeps them in front.
  std::ranges::sort(head.tensors, [](const StoredTensor& a, const StoredTensor& b) {
    return std::tie(a.begin, a.end, a.info.name) < std::tie(b.begin, b.end, b.info.name);
  });
  TRIB_CHECK_OK(check_extents(head.tensors, data_bytes));
  return head;
}

}  // namespace

std::size_t element_bytes(ElementType type) {
  switch (type) {
    case ElementType::kF16:
    case ElementType::kBF16:
      return 2;
    case ElementType::kF32:
      return 4;
    case ElementType::kF64:
      return 8;
    case ElementType::kU8:
      return 1;
  }
  return 0;
}

Bytes write_safetensors_head(const Layout& layout, const SafetensorsMetadata& metadata,
                             ElementType type) {
  const std::string header = write_header(layout, metadata, type);
  Bytes bytes(kLengthBytes + header.size());
  put_little_endian(bytes.data(), std::uint64_t{header.size()});
  std::ranges::copy(as_bytes(header), bytes.begin() + kLengthBytes);
  return bytes;
}

Result<SafetensorsHead> read_safetensors_head(const ReadAt& read_at, std::uint64_t bytes) {
  if (bytes < kLengthBytes)
    return make_error(ErrorCode::kDataLoss, "not a safetensors file: shorter than 8 bytes");
  std::byte length[kLengthBytes];
  TRIB_CHECK_OK(read_at(0, length));
  const auto header_bytes = get_little_endian<std::uint64_t>(length);
  if (header_bytes > limits::kSafetensorsHeaderMax || header_bytes > bytes - kLengthBytes) {
    return make_error(ErrorCode::kDataLoss, "not a safetensors file: its header would be " +
                                                std::to_string(header_bytes) + " bytes long");
  }
  Bytes header(static_cast<std::size_t>(header_bytes));
  TRIB_CHECK_OK(read_at(kLengthBytes, header));
  const std::uint64_t data_at = kLengthBytes + header_bytes;
  TRIB_TRY(head, read_header(as_text(header), bytes - data_at));
  head.data_at = data_at;
  return head;
}

}  // namespace tributary

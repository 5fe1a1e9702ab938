// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/safetensors.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "common/base/limits.h"
#include "common/tensor/safetensors_header.h"

namespace tributary {
namespace {

static_assert(std::endian::native == std::endian::little,
              "values are copied as they lie in memory");
constexpr std::size_t kLengthBytes = 8;

// IEEE 754 binary16, subnormals and non-finite values included.
float from_half(std::uint16_t bits) {
  const float sign = (bits & 0x8000u) != 0 ? -1.0f : 1.0f;
  const int exponent = (bits >> 10) & 0x1f;
  const auto mantissa = static_cast<float>(bits & 0x3ffu);
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  if (exponent == 31) return mantissa == 0.0f ? sign * INFINITY : NAN;
  return sign * std::ldexp(mantissa + 1024.0f, exponent - 25);
}

float read_value(const std::byte* from, ElementType type) {
  switch (type) {
    case ElementType::kF16:
      return from_half(get_little_endian<std::uint16_t>(from));
    case ElementType::kBF16:
      return std::bit_cast<float>(static_cast<std::uint32_t>(get_little_endian<std::uint16_t>(from))
                                  << 16);
    case ElementType::kF32:
      return std::bit_cast<float>(get_little_endian<std::uint32_t>(from));
    case ElementType::kF64:
      return static_cast<float>(std::bit_cast<double>(get_little_endian<std::uint64_t>(from)));
  }
  return 0.0f;
}

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
  if (bytes.size() < kLengthBytes) {
    return make_error(ErrorCode::kDataLoss, "not a safetensors file: shorter than 8 bytes");
  }
  const auto header_bytes = get_little_endian<std::uint64_t>(bytes.data());
  if (header_bytes > limits::kSafetensorsHeaderMax || header_bytes > bytes.size() - kLengthBytes) {
    return make_error(ErrorCode::kDataLoss, "not a safetensors file: its header would be " +
                                                std::to_string(header_bytes) + " bytes long");
  }
  const ByteView data = bytes.subspan(kLengthBytes + header_bytes);
  TRIB_TRY(stored, read_safetensors_header(as_text(bytes.subspan(kLengthBytes, header_bytes)),
                                           data.size()));
  Model model;
  for (const StoredTensor& tensor : stored) model.layout.tensors.push_back(tensor.info);
  model.values.resize(model.layout.element_count());
  float* to = model.values.data();
  for (const StoredTensor& tensor : stored) {
    const std::size_t count = element_count(tensor.info);
    const std::byte* from = data.data() + tensor.begin;
    if (tensor.type == ElementType::kF32) {
      if (count > 0) std::memcpy(to, from, count * sizeof(float));
    } else {
      for (std::size_t i = 0; i < count; ++i)
        to[i] = read_value(from + i * element_bytes(tensor.type), tensor.type);
    }
    to += count;
  }
  return model;
}

}  // namespace tributary

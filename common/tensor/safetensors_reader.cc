// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/safetensors_reader.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/base/limits.h"
#include "common/tensor/safetensors_header.h"

namespace tributary {
namespace {

static_assert(std::endian::native == std::endian::little,
              "values are copied as they lie in memory");

// IEEE 754 binary16, subnormals and non-finite values included.
float from_half(std::uint16_t bits) {
  const float sign = (bits & 0x8000u) != 0 ? -1.0f : 1.0f;
  const int exponent = (bits >> 10) & 0x1f;
  const auto mantissa = static_cast<float>(bits & 0x3ffu);
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  if (exponent == 31) return mantissa == 0.0f ? sign * INFINITY : NAN;
  return sign * std::ldexp(mantissa + 1024.0f, exponent - 25);
}

float value_of(const std::byte* from, ElementType type) {
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

SafetensorsReader::SafetensorsReader(ReadAt read_at, std::uint64_t data_at, StoredHeader header)
    : read_at_(std::move(read_at)),
      data_at_(data_at),
      stored_(std::move(header.tensors)),
      metadata_(std::move(header.metadata)) {
  for (const StoredTensor& tensor : stored_) layout_.tensors.push_back(tensor.info);
}

SafetensorsReader::~SafetensorsReader() = default;

Result<std::unique_ptr<SafetensorsReader>> SafetensorsReader::open(ReadAt read_at,
                                                                   std::uint64_t bytes) {
  constexpr std::uint64_t kLengthBytes = 8;
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
  TRIB_TRY(found, read_safetensors_header(as_text(header), bytes - data_at));
  return std::unique_ptr<SafetensorsReader>(
      new SafetensorsReader(std::move(read_at), data_at, std::move(found)));
}

Result<std::size_t> SafetensorsReader::read(std::span<float> into) {
  std::size_t filled = 0;
  while (filled < into.size() && tensor_ < stored_.size()) {
    const StoredTensor& tensor = stored_[tensor_];
    const std::size_t all = element_count(tensor.info);
    const std::size_t count = std::min(into.size() - filled, all - value_);
    TRIB_CHECK_OK(read_part(tensor, value_, into.subspan(filled, count)));
    filled += count;
    value_ += count;
    if (value_ < all) break;
    ++tensor_;
    value_ = 0;
  }
  return filled;
}

Status SafetensorsReader::read_part(const StoredTensor& tensor, std::uint64_t first,
                                    std::span<float> into) {
  if (into.empty()) return {};
  const std::size_t width = element_bytes(tensor.type);
  const std::uint64_t at = data_at_ + tensor.begin + first * width;
  if (tensor.type == ElementType::kF32) return read_at_(at, std::as_writable_bytes(into));
  raw_.resize(into.size() * width);
  TRIB_CHECK_OK(read_at_(at, raw_));
  for (std::size_t i = 0; i < into.size(); ++i)
    into[i] = value_of(raw_.data() + i * width, tensor.type);
  return {};
}

}  // namespace tributary

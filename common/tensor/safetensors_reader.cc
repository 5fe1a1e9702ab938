// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/safetensors_reader.h"

#include <algorithm>
#include <bit>

#include "common/base/text.h"
#include "common/tensor/kernels.h"
#include "common/tensor/safetensors_header.h"

namespace tributary {
namespace {

static_assert(std::endian::native == std::endian::little,
              "values are copied as they lie in memory");

// Values are converted in the type's own kernel; the raw ones begin where a vector's storage does.
template <typename Stored>
std::span<const Stored> stored_as(const Bytes& raw, std::size_t count) {
  return {reinterpret_cast<const Stored*>(raw.data()), count};
}

void convert(const Bytes& raw, ElementType type, std::span<float> into) {
  switch (type) {
    case ElementType::kF16:
      return widen_fp16(stored_as<std::uint16_t>(raw, into.size()), into);
    case ElementType::kBF16:
      return widen_bf16(stored_as<std::uint16_t>(raw, into.size()), into);
    case ElementType::kF64:
      for (std::size_t i = 0; i < into.size(); ++i) {
        into[i] = static_cast<float>(
            std::bit_cast<double>(get_little_endian<std::uint64_t>(raw.data() + 8 * i)));
      }
      return;
    case ElementType::kF32:
    case ElementType::kU8:
      TRIB_ASSERT(false, "a type that is not converted");
  }
}

}  // namespace

SafetensorsReader::SafetensorsReader(ReadAt read_at, SafetensorsHead head)
    : read_at_(std::move(read_at)),
      data_at_(head.data_at),
      stored_(std::move(head.tensors)),
      metadata_(std::move(head.metadata)) {
  for (const StoredTensor& tensor : stored_) layout_.tensors.push_back(tensor.info);
}

SafetensorsReader::~SafetensorsReader() = default;

Result<std::unique_ptr<SafetensorsReader>> SafetensorsReader::open(ReadAt read_at,
                                                                   std::uint64_t bytes) {
  TRIB_TRY(head, read_safetensors_head(read_at, bytes));
  return open(std::move(read_at), std::move(head));
}

Result<std::unique_ptr<SafetensorsReader>> SafetensorsReader::open(ReadAt read_at,
                                                                   SafetensorsHead head) {
  for (const StoredTensor& tensor : head.tensors) {
    if (tensor.type != ElementType::kU8) continue;
    return make_error(ErrorCode::kDataLoss, "not a usable safetensors file: tensor " +
                                                tributary::quoted(tensor.info.name) +
                                                " is not of type F32, F64, F16 or BF16");
  }
  return std::unique_ptr<SafetensorsReader>(
      new SafetensorsReader(std::move(read_at), std::move(head)));
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
  for (std::size_t done = 0; done < into.size();) {
    const std::size_t count = std::min(kBlockValues, into.size() - done);
    raw_.resize(count * width);
    TRIB_CHECK_OK(read_at_(at + done * width, raw_));
    convert(raw_, tensor.type, into.subspan(done, count));
    done += count;
  }
  return {};
}

}  // namespace tributary

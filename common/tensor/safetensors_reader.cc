// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/safetensors_reader.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "common/base/assert.h"
#include "common/base/text.h"
#include "common/tensor/kernels.h"
#include "common/tensor/safetensors_header.h"

namespace tributary {
namespace {

static_assert(std::endian::native == std::endian::little,
              "values are copied as they lie in memory");

// The form of stored values that are not widened before they are used.
std::optional<StoredForm> form_of(ElementType type) {
  switch (type) {
    case ElementType::kF16:
      return StoredForm::kFp16;
    case ElementType::kBF16:
      return StoredForm::kBf16;
    case ElementType::kF32:
    case ElementType::kF64:
    case ElementType::kU8:
      return std::nullopt;
  }
  return std::nullopt;
}

// The raw values begin where a vector's storage does.
void convert(const Bytes& raw, ElementType type, std::span<float> into) {
  if (const auto form = form_of(type))
    return widen(StoredValues{*form, raw.data(), 0, into.size(), 0}, into);
  TRIB_ASSERT(type == ElementType::kF64, "a type that is not converted");
  for (std::size_t i = 0; i < into.size(); ++i) {
    into[i] = static_cast<float>(
        std::bit_cast<double>(get_little_endian<std::uint64_t>(raw.data() + 8 * i)));
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

// Tensors stand one after another in the file, without a gap.
SafetensorsReader::Run SafetensorsReader::next_run(std::size_t count) {
  Run run{0, ElementType::kF32, 0};
  for (; tensor_ < stored_.size(); ++tensor_, value_ = 0) {
    const StoredTensor& tensor = stored_[tensor_];
    const std::size_t left = element_count(tensor.info) - value_;
    if (left == 0) continue;
    if (run.count == 0)
      run = {0, tensor.type, data_at_ + tensor.begin + value_ * element_bytes(tensor.type)};
    if (tensor.type != run.type) break;
    const std::size_t taken = std::min(left, count - run.count);
    run.count += taken;
    value_ += taken;
    if (run.count == count) break;
  }
  return run;
}

Result<std::size_t> SafetensorsReader::read(std::span<float> into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const Run run = next_run(into.size() - filled);
    if (run.count == 0) break;
    TRIB_CHECK_OK(read_run(run, into.subspan(filled, run.count)));
    filled += run.count;
  }
  return filled;
}

Status SafetensorsReader::read_run(const Run& run, std::span<float> into) {
  if (run.type == ElementType::kF32) return read_at_(run.at, std::as_writable_bytes(into));
  const std::size_t width = element_bytes(run.type);
  for (std::size_t done = 0; done < into.size();) {
    const std::size_t count = std::min(kBlockValues, into.size() - done);
    raw_.resize(count * width);
    TRIB_CHECK_OK(read_at_(run.at + done * width, raw_));
    convert(raw_, run.type, into.subspan(done, count));
    done += count;
  }
  return {};
}

Result<StoredValues> SafetensorsReader::read_stored(std::size_t count, std::vector<float>& room) {
  const Run run = next_run(count);
  if (const auto form = form_of(run.type)) {
    raw_.resize(run.count * element_bytes(run.type));
    TRIB_CHECK_OK(read_at_(run.at, raw_));
    return StoredValues{*form, raw_.data(), 0, run.count, 0};
  }
  if (room.size() < run.count) room.resize(run.count);
  const auto values = std::span(room).first(run.count);
  if (run.count > 0) TRIB_CHECK_OK(read_run(run, values));
  return StoredValues::of(values);
}

}  // namespace tributary

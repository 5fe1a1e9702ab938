// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/encodings/sparse.h"

#include <algorithm>
#include <bit>

namespace tributary {
namespace {

constexpr std::size_t kCountBytes = sizeof(std::uint32_t);
constexpr std::size_t kOffsetBytes = sizeof(std::uint16_t);
constexpr std::size_t kEntryBytes = kOffsetBytes + sizeof(float);

class SparseEncoder final : public ChunkEncoder {
 public:
  explicit SparseEncoder(std::unique_ptr<ValuePicker> picker) : picker_(std::move(picker)) {}

  void encode(std::uint64_t, std::span<const float> values, Bytes& out) override {
    offsets_.clear();
    picker_->pick(values, offsets_);
    const std::size_t at = out.size();
    out.resize(at + kCountBytes + offsets_.size() * kEntryBytes);
    put_little_endian(out.data() + at, static_cast<std::uint32_t>(offsets_.size()));
    std::byte* offset = out.data() + at + kCountBytes;
    std::byte* value = offset + offsets_.size() * kOffsetBytes;
    for (const std::uint16_t place : offsets_) {
      put_little_endian(offset, place);
      put_little_endian(value, std::bit_cast<std::uint32_t>(values[place]));
      offset += kOffsetBytes;
      value += sizeof(float);
    }
  }

 private:
  std::unique_ptr<ValuePicker> picker_;
  std::vector<std::uint16_t> offsets_;
};

class SparseDecoder final : public ChunkDecoder {
 public:
  explicit SparseDecoder(std::uint64_t k) : left_(k) {}

  Result<StoredValues> next(EncodedStream& stream, std::size_t count) override {
    values_.assign(count, 0.0f);
    for (std::size_t at = 0; at < count; at += kChunkValues) {
      const auto chunk = std::span(values_).subspan(at, std::min(kChunkValues, count - at));
      TRIB_CHECK_OK(decode(stream, chunk));
    }
    return StoredValues::of(values_);
  }

 private:
  // A chunk, into one of zeros.
  Status decode(EncodedStream& stream, std::span<float> into) {
    std::byte head[kCountBytes];
    TRIB_CHECK_OK(stream.take(head));
    const auto count = get_little_endian<std::uint32_t>(head);
    if (count > into.size() || count > left_) {
      return wrong("has " + std::to_string(count) + " entries, of " + std::to_string(into.size()) +
                   " values, where " + std::to_string(left_) + " are still to come");
    }
    left_ -= count;
    raw_.resize(count * kEntryBytes);
    TRIB_CHECK_OK(stream.take(raw_));
    const std::byte* values = raw_.data() + count * kOffsetBytes;
    std::size_t least = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto place = get_little_endian<std::uint16_t>(raw_.data() + i * kOffsetBytes);
      if (place < least) return wrong("has places that do not increase");
      if (place >= into.size()) return wrong("has a place beyond its last value");
      into[place] =
          std::bit_cast<float>(get_little_endian<std::uint32_t>(values + i * sizeof(float)));
      least = std::size_t{place} + 1;
    }
    ++chunks_;
    return {};
  }

  Error wrong(const std::string& what) const {
    return damaged_update("chunk " + std::to_string(chunks_) + " " + what);
  }

  std::uint64_t left_;
  std::uint64_t chunks_ = 0;
  Bytes raw_;
  std::vector<float> values_;
};

}  // namespace

std::uint64_t sparse_stream_bytes(const EncodingSpec& spec, std::uint64_t values) {
  return (values + kChunkValues - 1) / kChunkValues * kCountBytes + spec.k * kEntryBytes;
}

std::unique_ptr<ChunkEncoder> sparse_encoder(std::unique_ptr<ValuePicker> picker) {
  return std::make_unique<SparseEncoder>(std::move(picker));
}

std::unique_ptr<ChunkDecoder> sparse_decoder(const EncodingSpec& spec) {
  return std::make_unique<SparseDecoder>(spec.k);
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/encodings/blocks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace tributary {
namespace {

// The largest whole number on either side.
int levels_of(QuantumBits bits) { return bits == QuantumBits::k8 ? 127 : 7; }

std::size_t quanta_bytes(QuantumBits bits, std::size_t values) {
  return bits == QuantumBits::k8 ? values : (values + 1) / 2;
}

// Uniform on [0, 1) in 24 bits: value `index` of SplitMix64's stream (Steele et al. 2014), which
// can be had without those before it, and so does not depend on where blocks or threads begin.
float chance(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return static_cast<float>((z ^ (z >> 31)) >> 40) * 0x1p-24f;
}

float scale_of(std::span<const float> values, int levels) {
  float most = 0.0f;
  for (const float value : values) most = std::max(most, std::abs(value));
  const float scale = most / static_cast<float>(levels);
  // Had it been rounded down, the largest value would be beyond the last level.
  const bool is_short = static_cast<double>(scale) * levels < static_cast<double>(most);
  return is_short ? std::nextafter(scale, std::numeric_limits<float>::infinity()) : scale;
}

class BlockEncoder final : public ChunkEncoder {
 public:
  BlockEncoder(std::size_t block, QuantumBits bits, std::uint64_t seed)
      : bits_(bits), seed_(seed), block_(block), quanta_(block + 1) {}

  void encode(std::uint64_t first, std::span<const float> values, Bytes& out) override {
    for (std::size_t at = 0; at < values.size(); at += block_) {
      const auto part = values.subspan(at, std::min(block_, values.size() - at));
      const float scale = scale_of(part, levels_of(bits_));
      quantize(first + at, part, scale);
      append(scale, part.size(), out);
    }
  }

 private:
  // The size is rounded, and the sign put back: x and -x are treated alike.
  void quantize(std::uint64_t first, std::span<const float> values, float scale) {
    const float divisor = scale > 0.0f ? scale : 1.0f;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float size = std::abs(values[i]) / divisor;
      const int whole = static_cast<int>(size);
      const int up = chance(seed_, first + i) < size - static_cast<float>(whole) ? 1 : 0;
      quanta_[i] = static_cast<std::int8_t>(values[i] < 0.0f ? -(whole + up) : whole + up);
    }
    quanta_[values.size()] = 0;  // beside an odd last value
  }

  void append(float scale, std::size_t count, Bytes& out) {
    std::size_t at = out.size();
    out.resize(at + sizeof(float) + quanta_bytes(bits_, count));
    put_little_endian(out.data() + at, std::bit_cast<std::uint32_t>(scale));
    at += sizeof(float);
    if (bits_ == QuantumBits::k8) {
      std::ranges::copy(std::as_bytes(std::span(quanta_).first(count)), out.data() + at);
      return;
    }
    for (std::size_t i = 0; i < count; i += 2, ++at)
      out[at] = static_cast<std::byte>((quanta_[i] & 0x0f) | (quanta_[i + 1] & 0x0f) << 4);
  }

  QuantumBits bits_;
  std::uint64_t seed_;
  std::size_t block_;
  std::vector<std::int8_t> quanta_;
};

class BlockDecoder final : public ChunkDecoder {
 public:
  BlockDecoder(std::size_t block, QuantumBits bits) : bits_(bits), block_(block) {}

  Result<StoredValues> next(EncodedStream& stream, std::size_t count) override {
    const std::size_t blocks = (count + block_ - 1) / block_;
    raw_.resize(blocks * sizeof(float) + quanta_bytes(bits_, count));
    TRIB_CHECK_OK(stream.take(raw_));
    if (bits_ == QuantumBits::k4) unpack(count);
    const Bytes& bytes = bits_ == QuantumBits::k4 ? unpacked_ : raw_;
    for (std::size_t b = 0; b < blocks; ++b, ++blocks_)
      TRIB_CHECK_OK(check_scale(bytes.data() + b * (sizeof(float) + block_)));
    return StoredValues{StoredForm::kInt8, bytes.data(), 0, count, block_};
  }

 private:
  Status check_scale(const std::byte* at) const {
    const auto scale = std::bit_cast<float>(get_little_endian<std::uint32_t>(at));
    // One level more: the most negative number of so many bits.
    const float most = scale * static_cast<float>(levels_of(bits_) + 1);
    if (std::isfinite(most) && scale >= 0.0f) return {};
    return damaged_update("the scale of block " + std::to_string(blocks_) + " is impossible");
  }

  // One byte a value, as int8 has them.
  void unpack(std::size_t count) {
    unpacked_.resize((count + block_ - 1) / block_ * sizeof(float) + count);
    const std::byte* from = raw_.data();
    std::byte* into = unpacked_.data();
    for (std::size_t at = 0; at < count; at += block_) {
      const std::size_t values = std::min(block_, count - at);
      into = std::copy_n(from, sizeof(float), into);
      from += sizeof(float);
      for (std::size_t i = 0; i < values; i += 2) {
        const auto both = static_cast<std::uint8_t>(from[i / 2]);
        *into++ = static_cast<std::byte>(static_cast<std::int8_t>(both << 4) >> 4);
        if (i + 1 < values) *into++ = static_cast<std::byte>(static_cast<std::int8_t>(both) >> 4);
      }
      from += quanta_bytes(bits_, values);
    }
  }

  QuantumBits bits_;
  std::size_t block_;
  std::uint64_t blocks_ = 0;
  Bytes raw_;
  Bytes unpacked_;
};

}  // namespace

std::uint64_t block_stream_bytes(const EncodingSpec& spec, QuantumBits bits, std::uint64_t values) {
  return (values + spec.block - 1) / spec.block * sizeof(float) + quanta_bytes(bits, values);
}

std::unique_ptr<ChunkEncoder> block_encoder(const EncodingSpec& spec, QuantumBits bits,
                                            std::uint64_t seed) {
  return std::make_unique<BlockEncoder>(spec.block, bits, seed);
}

std::unique_ptr<ChunkDecoder> block_decoder(const EncodingSpec& spec, QuantumBits bits) {
  return std::make_unique<BlockDecoder>(spec.block, bits);
}

}  // namespace tributary

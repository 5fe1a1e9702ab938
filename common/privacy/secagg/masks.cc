// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/masks.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "common/base/assert.h"

namespace tributary {
namespace {

static_assert(std::endian::native == std::endian::little);

// So that the numbers and a part of the stream stay in the fastest cache.
constexpr std::size_t kBlock = 4096;

template <typename Word, std::size_t kBytes>
Word word_at(const std::byte* stream, std::size_t i) {
  if constexpr (kBytes == sizeof(Word)) {
    Word word;
    std::memcpy(&word, stream + i * kBytes, kBytes);
    return word;
  }
  Word word = 0;
  for (std::size_t byte = 0; byte < kBytes; ++byte)
    word |= std::to_integer<Word>(stream[i * kBytes + byte]) << (8 * byte);
  return word;
}

template <typename Word, std::size_t kBytes>
void accumulate(std::span<Word> values, const std::byte* stream, bool added) {
  if (added) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += word_at<Word, kBytes>(stream, i);
  } else {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] -= word_at<Word, kBytes>(stream, i);
  }
}

// Sums go round at the word's size, which is as good: 2^bits divides it.
template <typename Word, std::size_t kBytes>
void apply(std::span<const Mask> masks, Word modulus_mask, std::uint64_t first,
           std::span<Word> values) {
  TRIB_ASSERT(first % kMaskAlignment == 0, "a part of a mask begins at a block of its cipher");
  std::vector<KeyStream> streams;
  streams.reserve(masks.size());
  for (const Mask& mask : masks) streams.emplace_back(mask.key);
  std::vector<std::byte> stream(kBlock * kBytes);
  for (std::size_t at = 0; at < values.size(); at += kBlock) {
    const std::span<Word> block = values.subspan(at, std::min(kBlock, values.size() - at));
    for (std::size_t i = 0; i < masks.size(); ++i) {
      streams[i].read_at((first + at) * kBytes,
                         MutableByteView(stream).first(block.size() * kBytes));
      accumulate<Word, kBytes>(block, stream.data(), masks[i].added);
    }
    for (Word& value : block) value &= modulus_mask;
  }
}

}  // namespace

void apply_masks(std::span<const Mask> masks, unsigned bits, std::uint64_t first,
                 std::span<std::uint32_t> values) {
  TRIB_ASSERT(bits >= 1 && bits <= 32, "a word of 1 to 32 bits");
  const std::uint32_t modulus_mask = ~std::uint32_t{0} >> (32 - bits);
  switch ((bits + 7) / 8) {
    case 1:
      return apply<std::uint32_t, 1>(masks, modulus_mask, first, values);
    case 2:
      return apply<std::uint32_t, 2>(masks, modulus_mask, first, values);
    case 3:
      return apply<std::uint32_t, 3>(masks, modulus_mask, first, values);
    default:
      return apply<std::uint32_t, 4>(masks, modulus_mask, first, values);
  }
}

void apply_masks(std::span<const Mask> masks, std::uint64_t first,
                 std::span<std::uint64_t> wide_values) {
  apply<std::uint64_t, 8>(masks, ~std::uint64_t{0}, first, wide_values);
}

}  // namespace tributary

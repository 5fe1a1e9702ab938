// SPDX-License-Identifier: Apache-2.0
// Bytes and their views, Digest (SHA-256 of something, 32 bytes), hexadecimal, little-endian
// integers. Plain values, any thread. Hashing itself is common/crypto's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace tributary {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;
using MutableByteView = std::span<std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The content address of a blob. The all-zero digest means "none".
struct Digest {
  std::array<std::byte, 32> bytes{};

  auto operator<=>(const Digest&) const = default;
  bool is_none() const { return *this == Digest{}; }
  std::string hex() const;
  std::string short_hex() const { return hex().substr(0, 12); }  // for logs
};

std::string to_hex(ByteView bytes);
Result<Digest> digest_from_hex(std::string_view hex);  // exactly 64 hexadecimal digits
Result<Digest> digest_from_bytes(ByteView bytes);      // exactly 32 bytes

// Little-endian, whatever the machine. The caller has checked that there is room.
template <typename Integer>
void put_little_endian(std::byte* to, Integer value) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    to[i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}
template <typename Integer>
Integer get_little_endian(const std::byte* from) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    value |= static_cast<std::uint64_t>(from[i]) << (8 * i);
  }
  return static_cast<Integer>(value);
}

}  // namespace tributary

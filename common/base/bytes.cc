// SPDX-License-Identifier: Apache-2.0
#include "common/base/bytes.h"

#include <algorithm>

namespace tributary {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    hex.push_back(kDigits[std::to_integer<unsigned>(b) >> 4]);
    hex.push_back(kDigits[std::to_integer<unsigned>(b) & 15]);
  }
  return hex;
}

std::string Digest::hex() const { return to_hex(bytes); }

Result<Digest> digest_from_hex(std::string_view hex) {
  Digest digest;
  if (hex.size() != digest.bytes.size() * 2) {
    return make_error(ErrorCode::kInvalidArgument,
                      "a digest is 64 hexadecimal digits, this has " + std::to_string(hex.size()));
  }
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) {
      return make_error(ErrorCode::kInvalidArgument,
                        "not a hexadecimal digest: " + std::string(hex));
    }
    digest.bytes[i] = static_cast<std::byte>(high * 16 + low);
  }
  return digest;
}

Result<Digest> digest_from_bytes(ByteView bytes) {
  Digest digest;
  if (bytes.size() != digest.bytes.size()) {
    return make_error(ErrorCode::kProtocol,
                      "a digest is 32 bytes, this has " + std::to_string(bytes.size()));
  }
  std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  return digest;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/base64.h"

#include <openssl/evp.h>

#include <algorithm>

namespace tributary {

// In blocks, as OpenSSL counts in int.
std::string encode_base64(ByteView bytes) {
  constexpr std::size_t kBlock = 3u << 20;
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += kBlock) {
    const ByteView block = bytes.subspan(at, std::min(kBlock, bytes.size() - at));
    std::string part(4 * ((block.size() + 2) / 3) + 1, '\0');  // OpenSSL ends it with a zero
    const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(part.data()),
                                       reinterpret_cast<const unsigned char*>(block.data()),
                                       static_cast<int>(block.size()));
    text.append(part, 0, static_cast<std::size_t>(length));
  }
  return text;
}

}  // namespace tributary

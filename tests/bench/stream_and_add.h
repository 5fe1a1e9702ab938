// SPDX-License-Identifier: Apache-2.0
// The limit of masking: AES-256-CTR by OpenSSL into a buffer, and one addition of each word. One
// thread.
#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/assert.h"

namespace tributary::bench {

class StreamAndAdd {
 public:
  StreamAndAdd() {
    const unsigned char key[32] = {1}, counter[16] = {};
    fine_ = EVP_EncryptInit_ex(cipher_.get(), EVP_aes_256_ctr(), nullptr, key, counter) == 1;
  }
  ~StreamAndAdd() { TRIB_ASSERT(fine_, "OpenSSL does not encrypt"); }
  StreamAndAdd(const StreamAndAdd&) = delete;
  StreamAndAdd& operator=(const StreamAndAdd&) = delete;

  void run(std::span<std::uint32_t> values) {
    for (std::size_t at = 0; at < values.size(); at += kWords) {
      const auto block = values.subspan(at, std::min(kWords, values.size() - at));
      int count = 0;
      std::ranges::fill(stream_, 0u);
      auto* const bytes = reinterpret_cast<unsigned char*>(stream_.data());
      fine_ = fine_ && EVP_EncryptUpdate(cipher_.get(), bytes, &count, bytes,
                                         static_cast<int>(4 * block.size())) == 1;
      for (std::size_t i = 0; i < block.size(); ++i) block[i] += stream_[i];
    }
  }

 private:
  static constexpr std::size_t kWords = 4'096;  // 16 KiB
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher_{
      EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
  std::vector<std::uint32_t> stream_ = std::vector<std::uint32_t>(kWords);
  bool fine_ = true;
};

}  // namespace tributary::bench

// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/crypto.h"

#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <span>

#include "common/base/bytes.h"
#include "common/crypto/digest.h"
#include "common/privacy/secagg/masks.h"
#include "tests/bench/stream_and_add.h"

namespace tributary::bench {
namespace {

constexpr std::size_t kRecord = 16'384;  // the largest of TLS 1.3
constexpr int kRecords = 4'096;          // 64 MiB a pass
constexpr int kPasses = 5;

// The median speed of passes over records; `work` is done with one record.
template <typename Work>
double gbps(Work work) {
  std::vector<double> speeds;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    for (int r = 0; r < kRecords; ++r) work();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    speeds.push_back(static_cast<double>(kRecord) * kRecords / 1e9 / took.count());
  }
  return median(speeds);
}

// As a record of TLS: one key, a new nonce and a tag each, encrypted where it lies.
double aes_gcm_gbps() {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher(EVP_CIPHER_CTX_new(),
                                                                               EVP_CIPHER_CTX_free);
  unsigned char key[32] = {1}, nonce[12] = {}, tag[16];
  std::vector<unsigned char> record(kRecord, 0x5a);
  bool fine = EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key, nonce) == 1;
  const double speed = gbps([&] {
    int count = 0;
    for (int i = 0; i < 12 && ++nonce[i] == 0; ++i) continue;
    fine = fine && EVP_EncryptInit_ex(cipher.get(), nullptr, nullptr, nullptr, nonce) == 1 &&
           EVP_EncryptUpdate(cipher.get(), record.data(), &count, record.data(), kRecord) == 1 &&
           EVP_EncryptFinal_ex(cipher.get(), record.data(), &count) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, sizeof tag, tag) == 1;
  });
  TRIB_ASSERT(fine, "OpenSSL does not encrypt");
  return speed;
}

double sha256_gbps() {
  Hasher hasher;
  const Bytes record(kRecord, std::byte{0x5a});
  const double speed = gbps([&] { hasher.update(record); });
  static_cast<void>(hasher.finish());
  return speed;
}

// A client of a cohort of 100 masks a vector of a million words; turn and turn about with the
// limit.
Figure masking() {
  constexpr std::size_t kMasks = 100;
  std::vector<Mask> masks;
  for (std::size_t i = 0; i < kMasks; ++i) masks.push_back({SecretKey::make(), i % 2 == 0});
  std::vector<std::uint32_t> values(1'000'000);
  StreamAndAdd limit;
  std::vector<double> ours, limits;
  const auto speed_of = [&values](const auto& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return static_cast<double>(kMasks * values.size() * sizeof values[0]) / 1e9 / took.count();
  };
  for (int pass = 0; pass < kPasses; ++pass) {
    ours.push_back(speed_of([&] { apply_masks(masks, 32, 0, values); }));
    limits.push_back(speed_of([&] {
      for (std::size_t i = 0; i < kMasks; ++i) limit.run(values);
    }));
  }
  return {"masking_gb_s",
          "100 masks on 1 M words of 32 bits, one thread",
          median(ours),
          median(limits),
          "GB/s",
          "AES-256-CTR and one addition",
          0.7};
}

Figure plain(const char* key, const char* what, double speed) {
  return {key, what, speed, 1.0, "GB/s", "", 0.0};
}

}  // namespace

std::vector<Figure> crypto_figures() {
  return {plain("aes_gcm_gb_s", "AES-256-GCM in records of 16 KiB, one thread", aes_gcm_gbps()),
          plain("sha256_gb_s", "SHA-256, one thread", sha256_gbps()), masking()};
}

}  // namespace tributary::bench

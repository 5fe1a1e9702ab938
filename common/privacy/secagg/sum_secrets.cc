// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_secrets.h"

#include <string>

#include "common/crypto/digest.h"

namespace tributary {
namespace {

std::string part_name(SumPart part) { return part == SumPart::kNumbers ? "numbers" : "wide"; }

std::string between(std::string use, std::size_t from, std::size_t to) {
  return std::move(use) + " " + std::to_string(from) + " " + std::to_string(to);
}

}  // namespace

Result<SecretKey> pair_secret(const SecretKey& own, const SumPublicKey& other) {
  return agree(own, other);
}

SecretKey pair_mask_key(const SecretKey& pair, const Digest& session, SumPart part, std::size_t low,
                        std::size_t high) {
  return derive_key(pair.value(), session.bytes,
                    between("pair mask of " + part_name(part), low, high));
}

SecretKey own_mask_key(const SecretKey& secret, const Digest& session, SumPart part) {
  return derive_key(secret.value(), session.bytes, "own mask of " + part_name(part));
}

SecretKey share_key(const SecretKey& pair, const Digest& session, std::size_t from,
                    std::size_t to) {
  return derive_key(pair.value(), session.bytes, between("share", from, to));
}

Bytes share_associated_data(const Digest& session, std::size_t from, std::size_t to) {
  Bytes data(session.bytes.begin(), session.bytes.end());
  const std::string pair = between("share", from, to);
  const ByteView view = as_bytes(pair);
  data.insert(data.end(), view.begin(), view.end());
  return data;
}

Digest own_secret_commitment(const Digest& session, std::size_t member, const SecretKey& secret) {
  Hasher hasher;
  const std::string domain = "own secret " + std::to_string(member) + "\n";
  hasher.update(as_bytes(domain));
  hasher.update(session.bytes);
  hasher.update(secret.value());
  return hasher.finish();
}

}  // namespace tributary

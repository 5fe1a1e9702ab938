// SPDX-License-Identifier: Apache-2.0
#include "common/audit/tree_head.h"

namespace tributary {
namespace {

constexpr const char* kHeadPurpose = "audit tree head";
constexpr const char* kCounterPurpose = "audit countersignature";

std::string text_of(const TreeHead& head) {
  return std::to_string(head.size) + "\n" + head.root.hex() + "\n" + std::to_string(head.at_ms) +
         "\n";
}

std::string text_of(const TreeHead& head, std::int64_t at_ms) {
  return text_of(head) + std::to_string(at_ms) + "\n";
}

}  // namespace

Result<SignedHead> sign_head(const Signer& signer, const TreeHead& head) {
  TRIB_TRY(signature, signer.sign(kHeadPurpose, as_bytes(text_of(head))));
  return SignedHead{head, std::move(signature)};
}

Result<PeerIdentity> verify_head(const Trust& trust, const SignedHead& head) {
  return verify_signature(trust, kHeadPurpose, as_bytes(text_of(head.head)), head.signature,
                          head.head.at_ms / 1000);
}

Result<Countersignature> countersign(const Signer& signer, const TreeHead& head,
                                     std::int64_t at_ms) {
  TRIB_TRY(signature, signer.sign(kCounterPurpose, as_bytes(text_of(head, at_ms))));
  return Countersignature{head, at_ms, std::move(signature)};
}

Result<PeerIdentity> verify_countersignature(const Trust& trust, const Countersignature& one) {
  return verify_signature(trust, kCounterPurpose, as_bytes(text_of(one.head, one.at_ms)),
                          one.signature, one.at_ms / 1000);
}

}  // namespace tributary

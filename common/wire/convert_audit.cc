// SPDX-License-Identifier: Apache-2.0
#include "common/base/limits.h"
#include "common/wire/convert.h"

namespace tributary {
namespace {

// Of any kind of key that certificates have.
constexpr std::size_t kSignatureMax = 1024;

}  // namespace

void to_wire(const AuditHead& from, wire::AuditHead& to) {
  to.set_size(from.size);
  to.set_root(bytes_of(from.root));
  to.set_at_ms(from.at_ms);
  to.set_certificates(from.certificates);
  to.set_signature(from.signature);
  for (const Digest& digest : from.proof) to.add_proof(bytes_of(digest));
}

AuditHead from_wire(FieldReader& in, const wire::AuditHead& from) {
  AuditHead to{from.size(),
               in.digest("root", from.root()),
               in.not_negative("at_ms", from.at_ms()),
               in.text("certificates", from.certificates(), limits::kCertificatesBytesMax),
               in.blob("signature", from.signature(), kSignatureMax),
               {}};
  in.count("proof", from.proof_size(), limits::kAuditProofMax);
  for (const std::string& digest : from.proof()) to.proof.push_back(in.digest("proof", digest));
  return to;
}

void to_wire(const AuditCountersignature& from, wire::AuditCountersignature& to) {
  to.set_size(from.size);
  to.set_root(bytes_of(from.root));
  to.set_at_ms(from.at_ms);
  to.set_countersigned_ms(from.countersigned_ms);
  to.set_certificates(from.certificates);
  to.set_signature(from.signature);
}

AuditCountersignature from_wire(FieldReader& in, const wire::AuditCountersignature& from) {
  return {from.size(),
          in.digest("root", from.root()),
          in.not_negative("at_ms", from.at_ms()),
          in.not_negative("countersigned_ms", from.countersigned_ms()),
          in.text("certificates", from.certificates(), limits::kCertificatesBytesMax),
          in.blob("signature", from.signature(), kSignatureMax)};
}

}  // namespace tributary

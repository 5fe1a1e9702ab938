// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_notary.h"

#include "common/base/assert.h"

namespace tributary {
namespace {

// The first certificate of a PEM text, then the others.
SumPapers split(const std::string& certificates) {
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
  const std::size_t at = certificates.find(kEnd);
  if (at == std::string::npos) return {certificates, ""};
  const std::size_t end = std::min(certificates.size(), at + kEnd.size() + 1);  // its line's end
  return {certificates.substr(0, end), certificates.substr(end)};
}

}  // namespace

CertificateNotary::CertificateNotary(const Signer* signer, const Trust& trust,
                                     std::function<std::int64_t()> unix_seconds)
    : signer_(signer), trust_(trust), unix_seconds_(std::move(unix_seconds)) {
  if (signer_ != nullptr) papers_ = split(signer_->certificates());
}

Result<Bytes> CertificateNotary::sign(std::string_view purpose, ByteView statement) const {
  TRIB_ASSERT(signer_ != nullptr, "a notary that only verifies was asked to sign");
  TRIB_TRY(signature, signer_->sign(purpose, statement));
  return std::move(signature.bytes);
}

Status CertificateNotary::verify(const SiteName& site, const SumPapers& papers,
                                 std::string_view purpose, ByteView statement,
                                 ByteView signature) const {
  const Signature signed_by{papers.certificate + papers.issuers,
                            Bytes(signature.begin(), signature.end())};
  TRIB_TRY(signer, verify_signature(trust_, purpose, statement, signed_by, unix_seconds_()));
  if (signer.role == PeerRole::kSite && signer.name == site.value) return {};
  return make_error(
      ErrorCode::kUnauthenticated,
      "the certificate is that of the " + peer_role_name(signer.role) + " '" + signer.name + "'");
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/vouched_request.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/crypto/pem.h"

namespace tributary {
namespace {

constexpr const char* kPurpose = "request of the next certificate";
constexpr const char* kLabel = "TRIBUTARY SIGNATURE";

Error unvouched(const std::string& why) {
  ERR_clear_error();
  return make_error(ErrorCode::kUnauthenticated, "the request for the next certificate " + why);
}

Result<std::string> text_of_request(const std::string& text) {
  const Request request = read_request(text);
  const Bio out = memory_bio("");
  if (!request || PEM_write_bio_X509_REQ(out.get(), request.get()) != 1)
    return unvouched("cannot be read");
  return text_of(out);
}

}  // namespace

Result<std::string> vouch_for_request(const Signer& signer, const std::string& text) {
  TRIB_TRY(request, text_of_request(text));
  TRIB_TRY(signature, signer.sign(kPurpose, as_bytes(request)));
  const Bio out = memory_bio("");
  if (PEM_write_bio(out.get(), kLabel, "",
                    reinterpret_cast<const unsigned char*>(signature.bytes.data()),
                    static_cast<long>(signature.bytes.size())) <= 0) {
    return openssl_failed("writing a signature");
  }
  return request + signature.certificates + text_of(out);
}

Result<VouchedRequest> read_vouched_request(const Trust& trust, const std::string& text,
                                            std::int64_t unix_seconds) {
  TRIB_TRY(request, text_of_request(text));
  Signature signature;
  const std::string begin = std::string("-----BEGIN ") + kLabel;
  const std::size_t at = text.find(begin), first = text.find("-----BEGIN CERTIFICATE-----");
  if (at == std::string::npos || first == std::string::npos || first > at)
    return unvouched("is not signed with the present certificate");
  signature.certificates = text.substr(first, at - first);
  const std::string block = text.substr(at);
  const Bio in = memory_bio(block);  // which it reads in place
  char *name = nullptr, *header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  if (PEM_read_bio(in.get(), &name, &header, &data, &size) != 1)
    return unvouched("has a signature that cannot be read");
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  signature.bytes.assign(bytes, bytes + size);
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(data);
  TRIB_TRY(by, verify_signature(trust, kPurpose, as_bytes(request), signature, unix_seconds));
  return VouchedRequest{by, request};
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/signing.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "common/base/assert.h"
#include "common/crypto/pem.h"
#include "common/crypto/private_key.h"

namespace tributary {
namespace {

using Context = std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)>;
using Store = std::unique_ptr<X509_STORE, void (*)(X509_STORE*)>;
using Check = std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)>;
using Stack = std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)>;

Bytes to_be_signed(std::string_view purpose, ByteView payload) {
  TRIB_ASSERT(purpose.find('\n') == std::string_view::npos, "a purpose with a line end");
  const std::string head = "tributary signature 1\n" + std::string(purpose) + "\n";
  const ByteView head_bytes = as_bytes(head);
  Bytes bytes(head_bytes.begin(), head_bytes.end());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

const unsigned char* raw(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Error untrusted(const std::string& why) {
  ERR_clear_error();
  return make_error(ErrorCode::kUnauthenticated, why);
}

// `issuer` has signed `certificate`. OpenSSL's own check would hold the lists against the time of
// the signature, and today's lists were not made yet then.
Status check_revoked(const std::vector<RevocationList>& lists, X509* certificate, X509* issuer) {
  bool listed = false;
  for (const RevocationList& list : lists) {
    if (!is_list_of(list.get(), issuer)) continue;
    listed = true;
    X509_REVOKED* entry = nullptr;
    if (X509_CRL_get0_by_cert(list.get(), &entry, certificate) == 1) {
      return untrusted("the signer's certificate is not to be trusted: '" +
                       common_name(X509_get_subject_name(certificate)) + "' was revoked");
    }
  }
  if (listed) return {};
  return untrusted("there is no list of revoked certificates of the CA '" +
                   common_name(X509_get_subject_name(issuer)) + "' to look the signer up in");
}

Status check_lists(const std::string& text, const STACK_OF(X509) * chain) {
  if (text.empty()) return {};
  const std::vector<RevocationList> lists = read_revocation_lists(text);
  for (int i = 0; i + 1 < sk_X509_num(chain); ++i)
    TRIB_CHECK_OK(check_revoked(lists, sk_X509_value(chain, i), sk_X509_value(chain, i + 1)));
  return {};
}

Status check_chain(const Trust& trust, const std::vector<Certificate>& chain,
                   std::int64_t unix_seconds) {
  const Store store(X509_STORE_new(), &X509_STORE_free);
  for (const Certificate& root : read_certificates(trust.roots))
    X509_STORE_add_cert(store.get(), root.get());
  const Stack others(sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  for (std::size_t i = 1; i < chain.size(); ++i) sk_X509_push(others.get(), chain[i].get());
  const Check check(X509_STORE_CTX_new(), &X509_STORE_CTX_free);
  X509_STORE_CTX_init(check.get(), store.get(), chain.front().get(), others.get());
  X509_STORE_CTX_set_time(check.get(), 0, unix_seconds);
  if (X509_verify_cert(check.get()) == 1) {
    TRIB_CHECK_OK(check_issuers(X509_STORE_CTX_get0_chain(check.get())));
    return check_lists(trust.lists, X509_STORE_CTX_get0_chain(check.get()));
  }
  return untrusted(
      "the certificate is not to be trusted: " +
      std::string(X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get()))));
}

}  // namespace

struct Signer::Keys {
  std::string certificates;
  Key key;
};

Signer::Signer(std::unique_ptr<Keys> keys, PeerIdentity identity)
    : keys_(std::move(keys)), identity_(std::move(identity)) {}
Signer::~Signer() = default;
Signer::Signer(Signer&&) noexcept = default;
Signer& Signer::operator=(Signer&&) noexcept = default;

Result<Signer> Signer::make(const std::string& certificates, const std::string& key_text) {
  Key key = read_key(key_text);
  if (!key) return openssl_failed("the signer's key cannot be read");
  return pair(certificates, std::make_unique<Keys>("", std::move(key)));
}

Result<Signer> Signer::load(const std::string& certificates, const std::string& key_place) {
  TRIB_TRY(key, load_private_key(key_place));
  return pair(certificates, std::make_unique<Keys>("", std::move(key)));
}

Result<Signer> Signer::pair(const std::string& certificates, std::unique_ptr<Keys> keys) {
  const Certificate own = read_certificate(certificates);
  if (!own) return openssl_failed("the signer's certificate cannot be read");
  // The certificates and nothing else: a file may hold the key too, and words about both.
  const Bio published = memory_bio("");
  for (const Certificate& one : read_certificates(certificates)) {
    if (PEM_write_bio_X509(published.get(), one.get()) != 1)
      return openssl_failed("the signer's certificates cannot be written");
  }
  keys->certificates = text_of(published);
  if (X509_check_private_key(own.get(), keys->key.get()) != 1)
    return openssl_failed("the signer's key does not belong to its certificate");
  TRIB_TRY(identity, identity_of(own.get()));
  return Signer(std::move(keys), std::move(identity));
}

const std::string& Signer::certificates() const { return keys_->certificates; }

Result<Signature> Signer::sign(std::string_view purpose, ByteView payload) const {
  const Bytes message = to_be_signed(purpose, payload);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_PKEY* const key = keys_->key.get();
  Signature signature{keys_->certificates, {}};
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, digest_for(key), nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, raw(message), message.size()) != 1) {
    return openssl_failed("signing");
  }
  signature.bytes.resize(size);
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.bytes.data()), &size,
                     raw(message), message.size()) != 1) {
    return openssl_failed("signing");
  }
  signature.bytes.resize(size);
  return signature;
}

Result<PeerIdentity> verify_certificates(const Trust& trust, const std::string& certificates,
                                         std::int64_t unix_seconds) {
  const std::vector<Certificate> chain = read_certificates(certificates);
  if (chain.empty()) return untrusted("there is no certificate");
  TRIB_CHECK_OK(check_chain(trust, chain, unix_seconds));
  return identity_of(chain.front().get());
}

Result<PeerIdentity> verify_signature(const Trust& trust, std::string_view purpose,
                                      ByteView payload, const Signature& signature,
                                      std::int64_t unix_seconds) {
  const std::vector<Certificate> chain = read_certificates(signature.certificates);
  if (chain.empty()) return untrusted("no certificate is with the signature");
  TRIB_CHECK_OK(check_chain(trust, chain, unix_seconds));
  const Bytes message = to_be_signed(purpose, payload);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_PKEY* const key = X509_get0_pubkey(chain.front().get());
  if (key == nullptr ||
      EVP_DigestVerifyInit(context.get(), nullptr, digest_for(key), nullptr, key) != 1 ||
      EVP_DigestVerify(context.get(), raw(signature.bytes), signature.bytes.size(), raw(message),
                       message.size()) != 1) {
    return untrusted("the signature is not of these bytes");
  }
  return identity_of(chain.front().get());
}

Result<PeerIdentity> signer_of(const std::string& certificates) {
  const Certificate own = read_certificate(certificates);
  if (!own) return untrusted("no certificate is with the signature");
  return identity_of(own.get());
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Signatures by a party's own certificate: whoever acts signs with the key it is known by, and the
// certificate travels with the signature, so that anybody who has the federation's root can check
// both years later, without a link. ECDSA with SHA-256 (FIPS 186-5) or Ed25519 (RFC 8032), over
// the purpose and the payload: a signature for one purpose is none for another, nor for TLS.
// Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/identity.h"

namespace tributary {

struct Signature {
  std::string certificates;  // PEM: the signer's, then those between it and the root
  Bytes bytes;
};

// Whose signatures count.
struct Trust {
  // NOLINTNEXTLINE(google-explicit-constructor): roots alone are a trust in all below them
  Trust(std::string trusted, std::string revoked = "")
      : roots(std::move(trusted)), lists(std::move(revoked)) {}

  std::string roots;  // PEM
  std::string lists;  // PEM, the lists of revoked certificates in force; empty: none is looked at
};

class Signer {
 public:
  // Of PEM texts. kInvalidArgument: they cannot be read, or do not belong together.
  static Result<Signer> make(const std::string& certificates, const std::string& key);
  // The same with a key that lies at `key_place`, a PEM file or a hardware token (a PKCS#11 URI),
  // which then makes the signatures itself. Errors name the place.
  static Result<Signer> load(const std::string& certificates, const std::string& key_place);
  ~Signer();
  Signer(Signer&&) noexcept;
  Signer& operator=(Signer&&) noexcept;

  // `purpose` is a few words of this program's; it has no line end.
  Result<Signature> sign(std::string_view purpose, ByteView payload) const;
  const PeerIdentity& identity() const { return identity_; }
  const std::string& certificates() const;  // PEM, as each signature has them

 private:
  struct Keys;
  Signer(std::unique_ptr<Keys> keys, PeerIdentity identity);
  static Result<Signer> pair(const std::string& certificates, std::unique_ptr<Keys> keys);

  std::unique_ptr<Keys> keys_;
  PeerIdentity identity_;
};

// Whose certificates these are (PEM: the party's, then those between it and the root).
// kUnauthenticated where they are not to be trusted, or not valid at `unix_seconds`.
Result<PeerIdentity> verify_certificates(const Trust& trust, const std::string& certificates,
                                         std::int64_t unix_seconds);

// Who signed it. kUnauthenticated: the certificate leads to none of the roots, was not valid at
// `unix_seconds`, or the bytes were not signed so. A revoked certificate, or one of a revoked CA,
// signs nothing, before its revocation neither: only its holder, or a thief, says when that was.
// Where there are lists, each CA has to have one; one that has ended still counts for whom it
// names.
Result<PeerIdentity> verify_signature(const Trust& trust, std::string_view purpose,
                                      ByteView payload, const Signature& signature,
                                      std::int64_t unix_seconds);

// Whose certificate is with a signature that was verified when it came; it says no more than that.
Result<PeerIdentity> signer_of(const std::string& certificates);

}  // namespace tributary

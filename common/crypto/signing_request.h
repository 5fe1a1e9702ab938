// SPDX-License-Identifier: Apache-2.0
// Certificate signing requests (PKCS 10, RFC 2986): a party makes its key where it runs, and asks
// with the public half alone; the request is signed with the key, which proves that the party has
// it. PEM texts; files are the caller's. Any thread. What is certified is the CA's to decide, see
// pki.h: of a request only its key counts.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/crypto/pki.h"

namespace tributary {

struct NewRequest {
  std::string request;
  std::string key;  // PKCS 8, not encrypted
};
Result<NewRequest> make_signing_request(const std::string& name, std::string_view role,
                                        KeyKind kind);

// For a key that is there already; another text each time, for the same key.
Result<std::string> signing_request_for(const std::string& key, const std::string& name,
                                        std::string_view role);

struct SigningRequest {
  std::string name;
  std::string fingerprint;  // of the key, as fingerprint_of_key()
};
// kInvalidArgument: no request, not signed with its own key, no valid name, or a key that is too
// weak (all but P-256, P-384 and Ed25519).
Result<SigningRequest> read_signing_request(const std::string& request);

// SHA-256 of the public key (SubjectPublicKeyInfo) in the first certificate of the text,
// hexadecimal.
Result<std::string> fingerprint_of_key(const std::string& certificates);
// "3f2a 91bc ...": to be compared by phone; and back, whatever stands between the digits.
std::string spoken_fingerprint(const std::string& fingerprint);
std::string fingerprint_as_spoken(const std::string& words);
// SHA-256 of the first certificate of the text, hexadecimal.
Result<std::string> certificate_hash(const std::string& certificates);
// The one among the certificates that has this hash, and nothing else of the text; kNotFound.
Result<std::string> certificate_with_hash(const std::string& certificates, const std::string& hash);

}  // namespace tributary

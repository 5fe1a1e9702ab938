// SPDX-License-Identifier: Apache-2.0
// A party's private key from wherever its configuration says, and the PEM files around it. The one
// place that opens keys. For this room's sources and common/transport's. Any thread.
#pragma once

#include <string>

#include "common/crypto/pem.h"

namespace tributary {

// `place`: a PEM file that none but its user can reach, or a PKCS#11 URI (token_uri.h). Errors name
// it and what is wrong with it.
Result<Key> load_private_key(const std::string& place);
// How messages call that place: without the part of a URI that only says how to get there.
std::string shown_key(const std::string& place);

// `what` it is, for messages.
Result<std::string> read_text_file(const std::string& what, const std::string& path);
// That it holds what it should, too: OpenSSL's own words are riddles there. `other`: what people
// put in its place by mistake.
enum class PemContent { kCertificate, kKey };
Result<std::string> read_pem_file(const std::string& what, const std::string& path,
                                  PemContent content, const std::string& other);
// Whoever can read a secret can be the party.
Status check_private(const std::string& what, const std::string& path);

}  // namespace tributary

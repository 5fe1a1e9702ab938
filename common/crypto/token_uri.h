// SPDX-License-Identifier: Apache-2.0
// The name of a private key that lies in a hardware token: a PKCS#11 URI (RFC 7512), where
// configurations have the path of a file otherwise. Plain functions, any thread; nothing is opened.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace tributary {

// Whether a configuration's `key` names a token's key, and no file.
bool is_token_uri(std::string_view key);

struct TokenUri {
  std::string key;       // what names the key; shown to people
  std::string token;     // the part of it that names the token alone
  std::string module;    // path of the token's library
  std::string pin_file;  // empty: the PIN comes from elsewhere
};

// kInvalidArgument names what is missing, or what the URI may not have: first of all the PIN
// itself, and then nothing of the URI is in the message.
Result<TokenUri> parse_token_uri(const std::string& uri);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Private keys that never leave a hardware token, through the OpenSSL engine "pkcs11". The engine
// and the token's library are loaded with the first such key, and stay while the process lives:
// OpenSSL has one engine of a name per process, so there is one library too. Any thread.
#pragma once

#include "common/crypto/pem.h"
#include "common/crypto/token_uri.h"

namespace tributary {

// Logs into the token, with the PIN from uri.pin_file or else from the environment variable
// TRIBUTARY_PKCS11_PIN. kInvalidArgument names what is missing and what to do: a service that ends
// so is not started again and again, until a token has counted too many wrong PINs. A token that
// is plugged in after the first load is not seen before a restart; a new key in a known one is.
Result<Key> load_token_key(const TokenUri& uri);

}  // namespace tributary

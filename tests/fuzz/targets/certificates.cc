// SPDX-License-Identifier: Apache-2.0
#include <openssl/err.h>
#include <openssl/x509.h>

#include "common/base/assert.h"
#include "common/base/ids.h"
#include "common/crypto/identity.h"
#include "tests/fuzz/targets.h"

namespace tributary {

// What the handshake makes of a peer's certificate (DER): name, role, further names.
bool fuzz_certificates(ByteView bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  X509* certificate = d2i_X509(nullptr, &at, static_cast<long>(bytes.size()));
  ERR_clear_error();
  if (certificate == nullptr) return false;
  const Result<PeerIdentity> identity = identity_of(certificate);
  X509_free(certificate);
  ERR_clear_error();
  if (!identity) return false;
  TRIB_ASSERT(is_valid_name(identity->name), "a peer without a valid name");
  return true;
}

}  // namespace tributary

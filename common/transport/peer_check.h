// SPDX-License-Identifier: Apache-2.0
// Whether the other side of a TLS connection is who may be there (RFC 5280: chain, times, name,
// revocation; and the CA's right to vouch for the role), and what to tell a person of one that is
// not. Belongs to TlsContext; a connection's faults are the connection's. It knows no files.
#pragma once

#include <string>

#include "common/base/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace tributary {

// Every connection of this context is checked, from now on.
void check_peers(ssl_ctx_st* context);
// Of a connection whose handshake is done: whether its peer would be let in by this context's CA
// and lists of revoked certificates, whatever the hour is. kUnauthenticated where not.
Status recheck_peer(ssl_st* connection, ssl_ctx_st* context);
// What the check, or OpenSSL's error queue, says of a failed handshake, in words for a person: "its
// certificate has expired", "it does not speak TLS".
std::string handshake_failure(ssl_st* connection);

}  // namespace tributary

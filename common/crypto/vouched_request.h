// SPDX-License-Identifier: Apache-2.0
// A signing request that the party's present certificate vouches for: the request (PKCS 10), the
// certificates of who vouches, and a signature over the request's bytes, as one PEM text. So
// whoever signs the next certificate need not believe the one who carries the request. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "common/crypto/signing.h"

namespace tributary {

Result<std::string> vouch_for_request(const Signer& signer, const std::string& request);

struct VouchedRequest {
  PeerIdentity by;
  std::string request;
};
// kUnauthenticated: not vouched for, or by nobody to be trusted at `unix_seconds`.
Result<VouchedRequest> read_vouched_request(const Trust& trust, const std::string& text,
                                            std::int64_t unix_seconds);

}  // namespace tributary

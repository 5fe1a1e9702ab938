// SPDX-License-Identifier: Apache-2.0
// TreeHead: what an audit log held at a time, in 32 bytes (RFC 6962 section 3.5), signed by whoever
// keeps the log, and countersigned by those who saw that it continues what they knew. Plain values
// and functions, any thread.
#pragma once

#include <string>

#include "common/crypto/signing.h"

namespace tributary {

struct TreeHead {
  std::uint64_t size = 0;  // records
  Digest root;
  std::int64_t at_ms = 0;  // since 1970
  bool operator==(const TreeHead&) const = default;
};

struct SignedHead {
  TreeHead head;
  Signature signature;
};

struct Countersignature {
  TreeHead head;
  std::int64_t at_ms = 0;  // when it was given
  Signature signature;
};

Result<SignedHead> sign_head(const Signer& signer, const TreeHead& head);
Result<PeerIdentity> verify_head(const Trust& trust, const SignedHead& head);

Result<Countersignature> countersign(const Signer& signer, const TreeHead& head,
                                     std::int64_t at_ms);
Result<PeerIdentity> verify_countersignature(const Trust& trust,
                                             const Countersignature& countersignature);

}  // namespace tributary

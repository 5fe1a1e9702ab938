// SPDX-License-Identifier: Apache-2.0
// What sites and the coordinator tell each other to make a sum whose addends nobody sees; the
// protocol is common/privacy/secagg's. Sites are numbered in the order of their names in the
// roster. Plain values, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/domain/task.h"

namespace tributary {

// Of X25519, for this sum alone.
using SumPublicKey = std::array<std::byte, 32>;

struct SumMember {
  SiteName site;
  std::string certificate;  // PEM, the site's own
  SumPublicKey share_key{};
  SumPublicKey mask_key{};
  Digest about;     // the digest of what the sum is about
  Bytes signature;  // of all this and what the sum is about
  bool operator==(const SumMember&) const = default;
};

// Both shares of one site's secrets, for one other, sealed.
struct SealedShares {
  std::uint32_t peer = 0;  // for whom, and once passed on: by whom
  Bytes bytes;
  bool operator==(const SealedShares&) const = default;
};

// Which sites: bit i of byte i / 8 is site i.
using SumBitmap = Bytes;

// --- coordinator to site ---
struct SumRoster {
  std::uint32_t members = 0;  // of the whole roster
  std::uint32_t first = 0;    // of this part
  std::string issuers;        // PEM: the CAs between the certificates and the root
  std::vector<SumMember> part;
  bool operator==(const SumRoster&) const = default;
};
struct SumSharesPassed {
  SumBitmap sharing;  // who shared its secrets: U2
  std::vector<SealedShares> shares;
  bool operator==(const SumSharesPassed&) const = default;
};
struct SumSurvivors {
  SumBitmap sharing;    // U2
  SumBitmap survivors;  // whose input is whole: U3
  bool operator==(const SumSurvivors&) const = default;
};
struct SumAgreements {
  struct One {
    std::uint32_t member = 0;
    Bytes signature;
    bool operator==(const One&) const = default;
  };
  std::vector<One> signatures;  // over the same two sets
  bool operator==(const SumAgreements&) const = default;
};
struct SumRequest {
  TaskKey key;
  std::variant<SumRoster, SumSharesPassed, SumSurvivors, SumAgreements> body;
  bool operator==(const SumRequest&) const = default;
};

// --- site to coordinator ---
struct SumKeys {
  SumMember member;
  std::string issuers;  // PEM
  bool operator==(const SumKeys&) const = default;
};
struct SumShares {
  Digest commitment;  // to the secret of the site's own mask
  std::vector<SealedShares> shares;
  bool operator==(const SumShares&) const = default;
};
struct SumInput {
  BlobRef masked;
  bool operator==(const SumInput&) const = default;
};
struct SumAgreement {
  Bytes signature;
  bool operator==(const SumAgreement&) const = default;
};
struct SumReveal {
  struct One {
    std::uint32_t member = 0;
    bool of_mask_key = false;  // or of the secret of its own mask
    std::array<std::uint64_t, 5> values{};
    bool operator==(const One&) const = default;
  };
  std::vector<One> shares;
  bool operator==(const SumReveal&) const = default;
};
struct SumAbort {
  std::string reason;  // one word of abort_name
  std::string detail;
  bool operator==(const SumAbort&) const = default;
};
struct SumAnswer {
  TaskKey key;
  std::variant<SumKeys, SumShares, SumInput, SumAgreement, SumReveal, SumAbort> body;
  bool operator==(const SumAnswer&) const = default;
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// How a party comes by its certificate, and by the next one: by a one-time token and a person's
// look at the key's fingerprint, later by the certificate it has. Texts are PEM; private keys are
// in none of these. Plain values, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"

namespace tributary {

// A guest has no certificate yet: whoever wants one asks as a guest.
struct GetRoot {};  // guest to coordinator
struct RootCertificate {
  std::string certificate;  // the root; to compare with a hash told elsewhere
};

enum class EnrolmentState { kInvited, kRequested, kIssued, kDenied };

struct Enrol {
  SiteName site;
  std::string token;    // good for one key
  std::string request;  // PKCS 10
};                      // guest to coordinator, again and again until it is decided
struct EnrolAnswer {
  EnrolmentState state = EnrolmentState::kRequested;
  std::string certificates;  // once issued: the site's, then those between it and the root
  std::string crl;           // lists of revoked certificates
  std::string why;
};

struct RenewCertificate {
  std::string request;  // PKCS 10, with a new key
};                      // site to coordinator, on its link
struct TrustUpdate {
  std::string certificates;  // empty: none is new
  std::string crl;           // empty: as before
};                           // coordinator to site; it believes in neither but for their signatures

struct InviteSite {
  SiteName site;
  std::string role;   // site or evaluator
  Digest token_hash;  // the token stays with the operator
  std::int64_t valid_ms = 0;
};
struct SiteInvited {
  SiteName site;
  std::int64_t until_wall_ms = 0;
};
struct ListEnrolments {
  std::uint32_t from = 0;  // row
};
struct EnrolmentRow {
  SiteName site;
  std::string role;
  bool renewal = false;  // asked for on the site's link, with its certificate
  EnrolmentState state = EnrolmentState::kInvited;
  std::string request;      // empty: none yet
  std::string fingerprint;  // of the request's key
  std::string address;      // whence it was asked
  std::string by;           // the operator who invited or decided
  std::string why;
  std::int64_t changed_wall_ms = 0;
  std::int64_t until_wall_ms = 0;  // of an invitation; 0: no end
};
struct EnrolmentList {
  std::vector<EnrolmentRow> rows;  // as many as fit
  std::uint32_t next = 0;          // where to go on; 0: that was all
};
struct DecideEnrolment {
  SiteName site;
  bool renewal = false;
  std::string fingerprint;   // of the key that is decided about
  std::string certificates;  // empty: denied
  std::string why;
};
struct EnrolmentDecided {
  SiteName site;
};

}  // namespace tributary

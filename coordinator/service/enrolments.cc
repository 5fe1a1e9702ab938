// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/enrolments.h"

#include <algorithm>

#include "common/crypto/digest.h"
#include "common/crypto/secret.h"
#include "common/crypto/signing_request.h"

namespace tributary {
namespace {

// Of a list, below the largest frame; a row is about 1 KB.
constexpr std::size_t kPageBytes = 512u << 10;
// An invitation lies in a mail or a note: not for ever.
constexpr std::int64_t kInvitationMaxMs = 30LL * 24 * 3600 * 1000;

Error refuse(ErrorCode code, const std::string& why) { return make_error(code, why); }

std::size_t bytes_of(const EnrolmentRow& row) {
  return 256 + row.site.value.size() + row.request.size() + row.address.size() + row.why.size();
}

}  // namespace

Result<Enrolments> Enrolments::open(Ports ports) {
  Enrolments all(std::move(ports));
  TRIB_TRY(kept, all.ports_.store.enrolments());
  for (Enrolment& one : kept) {
    if (!one.row.renewal)
      all.guests_until_ms_ = std::max(all.guests_until_ms_, one.row.until_wall_ms);
    const Key key{one.row.site, one.row.renewal};
    all.enrolments_[key] = std::move(one);
  }
  return all;
}

Status Enrolments::save(Enrolment enrolment) {
  enrolment.row.changed_wall_ms = ports_.clock.wall_ms();
  TRIB_CHECK_OK(ports_.store.save_enrolment(enrolment));
  const Key key{enrolment.row.site, enrolment.row.renewal};
  enrolments_[key] = std::move(enrolment);
  return {};
}

Result<SiteInvited> Enrolments::invite(const InviteSite& request, const std::string& who) {
  if (request.role != peer_role_name(PeerRole::kSite) &&
      request.role != peer_role_name(PeerRole::kEvaluator)) {
    return refuse(ErrorCode::kInvalidArgument,
                  "'" + request.role + "' is no role that can be invited: site or evaluator");
  }
  if (request.token_hash.is_none()) return refuse(ErrorCode::kInvalidArgument, "there is no token");
  if (request.valid_ms <= 0 || request.valid_ms > kInvitationMaxMs)
    return refuse(ErrorCode::kInvalidArgument, "an invitation is good for 30 days at most");
  Enrolment invited;
  invited.row.site = request.site;
  invited.row.role = request.role;
  invited.row.by = who;
  invited.row.until_wall_ms = ports_.clock.wall_ms() + request.valid_ms;
  invited.token_hash = request.token_hash;
  const std::int64_t until = invited.row.until_wall_ms;
  TRIB_CHECK_OK(save(std::move(invited)));
  guests_until_ms_ = std::max(guests_until_ms_, until);
  ports_.log.record("enrolment.invited", {{"site", request.site.value},
                                          {"role", request.role},
                                          {"operator", who},
                                          {"hours", request.valid_ms / 3'600'000}});
  return SiteInvited{request.site, until};
}

Result<EnrolAnswer> Enrolments::enrol(const Enrol& request, const std::string& address) {
  const auto refused = [&](const std::string& why) {
    ports_.log.record("enrolment.refused",
                      {{"site", request.site.value}, {"address", address}, {"reason", why}});
    return refuse(ErrorCode::kPermissionDenied,
                  "the token is not, or no longer, good for this key of site '" +
                      request.site.value + "'; ask whoever invited you for a new one");
  };
  const auto found = enrolments_.find({request.site, false});
  if (found == enrolments_.end()) return refused("the site was not invited");
  Enrolment enrolment = found->second;
  if (!is_same_secret(sha256(as_bytes(request.token)), enrolment.token_hash))
    return refused("another token");
  if (ports_.clock.wall_ms() >= enrolment.row.until_wall_ms) return refused("the invitation ended");
  TRIB_TRY(asked, read_signing_request(request.request));
  if (asked.name != request.site.value) return refused("a request for '" + asked.name + "'");
  if (enrolment.row.state == EnrolmentState::kInvited) {
    enrolment.row.state = EnrolmentState::kRequested;
    enrolment.row.request = request.request;
    enrolment.row.fingerprint = asked.fingerprint;
    enrolment.row.address = address;
    TRIB_CHECK_OK(save(enrolment));
    ports_.log.record("enrolment.requested", {{"site", request.site.value},
                                              {"role", enrolment.row.role},
                                              {"address", address},
                                              {"fingerprint", asked.fingerprint},
                                              {"renewal", false}});
  }
  if (enrolment.row.fingerprint != asked.fingerprint)
    return refused("the token was used for another key, from " + enrolment.row.address);
  EnrolAnswer answer{enrolment.row.state, enrolment.certificates, "", ""};
  if (answer.state == EnrolmentState::kIssued) answer.crl = ports_.lists();
  if (answer.state == EnrolmentState::kDenied) answer.why = enrolment.row.why;
  return answer;
}

Status Enrolments::renew(const SiteName& site, std::string_view role,
                         const RenewCertificate& request) {
  listeners_.insert(site);
  if (std::string lists = ports_.lists(); !lists.empty()) ports_.tell(site, {"", std::move(lists)});
  if (request.request.empty()) return {};
  TRIB_TRY(asked, read_signing_request(request.request));
  if (asked.name != site.value)
    return refuse(ErrorCode::kPermissionDenied, "a request for '" + asked.name + "'");
  const auto found = enrolments_.find({site, true});
  if (found != enrolments_.end() && found->second.row.fingerprint == asked.fingerprint) {
    if (found->second.row.state == EnrolmentState::kIssued)
      ports_.tell(site, {found->second.certificates, ""});
    return {};
  }
  Enrolment enrolment;
  enrolment.row = {site,
                   std::string(role),
                   true,
                   EnrolmentState::kRequested,
                   request.request,
                   asked.fingerprint,
                   "",
                   "",
                   "",
                   0,
                   0};
  TRIB_CHECK_OK(save(std::move(enrolment)));
  ports_.log.record("enrolment.requested", {{"site", site.value},
                                            {"role", std::string(role)},
                                            {"address", ""},
                                            {"fingerprint", asked.fingerprint},
                                            {"renewal", true}});
  return {};
}

void Enrolments::lists_changed() {
  const std::string lists = ports_.lists();
  if (lists.empty()) return;
  for (const SiteName& site : listeners_) ports_.tell(site, {"", lists});
}

EnrolmentList Enrolments::list(const ListEnrolments& request) const {
  EnrolmentList page;
  std::size_t bytes = 0;
  std::uint32_t number = 0;
  for (const auto& [key, enrolment] : enrolments_) {
    if (number++ < request.from) continue;
    if (bytes >= kPageBytes) {
      page.next = number - 1;
      break;
    }
    bytes += bytes_of(enrolment.row);
    page.rows.push_back(enrolment.row);
  }
  return page;
}

Status Enrolments::check_issued(const EnrolmentRow& row, const std::string& certificates) const {
  TRIB_TRY(who, verify_certificates(ports_.trust(), certificates, ports_.clock.wall_ms() / 1000));
  TRIB_TRY(fingerprint, fingerprint_of_key(certificates));
  if (who.name == row.site.value && peer_role_name(who.role) == row.role &&
      fingerprint == row.fingerprint) {
    return {};
  }
  return refuse(ErrorCode::kInvalidArgument,
                "the certificate is for the " + peer_role_name(who.role) + " '" + who.name +
                    "' and the key " + fingerprint + "; asked for was the " + row.role + " '" +
                    row.site.value + "' and the key " + row.fingerprint);
}

Result<EnrolmentDecided> Enrolments::decide(const DecideEnrolment& request,
                                            const std::string& who) {
  const auto found = enrolments_.find({request.site, request.renewal});
  if (found == enrolments_.end()) {
    return refuse(ErrorCode::kNotFound, "site '" + request.site.value +
                                            "' asks for nothing of the "
                                            "kind; `tributaryctl enroll list` shows who does");
  }
  Enrolment enrolment = found->second;
  const bool denied = request.certificates.empty();
  const bool may_be_withdrawn = denied && enrolment.row.state == EnrolmentState::kInvited;
  if (enrolment.row.state != EnrolmentState::kRequested && !may_be_withdrawn) {
    return refuse(ErrorCode::kFailedPrecondition,
                  "nothing of site '" + request.site.value + "' waits for a decision");
  }
  if (enrolment.row.fingerprint != request.fingerprint) {
    return refuse(ErrorCode::kFailedPrecondition,
                  "site '" + request.site.value + "' asks for the key " +
                      enrolment.row.fingerprint + " now, not for " + request.fingerprint);
  }
  if (!denied) TRIB_CHECK_OK(check_issued(enrolment.row, request.certificates));
  enrolment.row.state = denied ? EnrolmentState::kDenied : EnrolmentState::kIssued;
  enrolment.row.by = who;
  enrolment.row.why = request.why;
  enrolment.certificates = request.certificates;
  TRIB_CHECK_OK(save(enrolment));
  EventFields fields = {{"site", request.site.value},
                        {"operator", who},
                        {"fingerprint", enrolment.row.fingerprint},
                        {"renewal", request.renewal},
                        {"reason", request.why}};
  if (denied) {
    ports_.log.record("enrolment.denied", std::move(fields));
  } else {
    ports_.log.record("enrolment.issued", std::move(fields));
  }
  if (!denied && request.renewal) ports_.tell(request.site, {enrolment.certificates, ""});
  return EnrolmentDecided{request.site};
}

}  // namespace tributary

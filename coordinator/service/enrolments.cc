// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/enrolments.h"

#include <algorithm>

#include "common/crypto/digest.h"
#include "common/crypto/secret.h"
#include "common/crypto/signing_request.h"
#include "common/crypto/vouched_request.h"
#include "coordinator/service/page.h"

namespace tributary {
namespace {

// An invitation lies in a mail or a note: not for ever.
constexpr std::int64_t kInvitationMaxMs = 30LL * 24 * 3600 * 1000;

// Each request is written to the disk: a site that makes up keys does not keep it busy.
constexpr std::int64_t kAnotherKeyMs = 60'000;
constexpr Milliseconds kRefusalEvery{1000};

Error refuse(ErrorCode code, const std::string& why) { return make_error(code, why); }

Report requested(const EnrolmentRow& row) {
  return {"enrolment.requested",
          {{"site", row.site.value},
           {"role", row.role},
           {"address", row.address},
           {"fingerprint", row.fingerprint},
           {"renewal", row.renewal}}};
}

std::string withdrawn(const std::string& why) {
  return "the invitation was withdrawn" + (why.empty() ? std::string() : ": " + why);
}

}  // namespace

Result<Enrolments> Enrolments::open(Ports ports) {
  Enrolments all(std::move(ports));
  TRIB_TRY(kept, all.ports_.store.enrolments());
  for (Enrolment& one : kept) {
    const Key key{one.row.site, one.row.renewal};
    all.enrolments_[key] = std::move(one);
  }
  all.expect_guests();
  return all;
}

// A guest who asked in time waits for a person, and comes for what the person decided.
void Enrolments::expect_guests() {
  guests_until_ms_ = 0;
  for (const auto& [key, enrolment] : enrolments_) {
    const EnrolmentRow& row = enrolment.row;
    if (row.renewal || (row.state == EnrolmentState::kDenied && row.fingerprint.empty())) continue;
    guests_until_ms_ = std::max(guests_until_ms_, row.state == EnrolmentState::kInvited
                                                      ? row.until_wall_ms
                                                      : row.changed_wall_ms + kInvitationMaxMs);
  }
}

Status Enrolments::save(Enrolment enrolment, const Report& decision) {
  enrolment.row.changed_wall_ms = ports_.clock.wall_ms();
  TRIB_CHECK_OK(ports_.store.save_enrolment(enrolment, {decision}));
  const Key key{enrolment.row.site, enrolment.row.renewal};
  enrolments_[key] = std::move(enrolment);
  expect_guests();
  ports_.log.relay(decision.event, decision.fields);
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
  TRIB_CHECK_OK(save(std::move(invited), {"enrolment.invited",
                                          {{"site", request.site.value},
                                           {"role", request.role},
                                           {"operator", who},
                                           {"hours", request.valid_ms / 3'600'000}}}));
  return SiteInvited{request.site, until};
}

void Enrolments::tell_refusal(const SiteName& site, const std::string& address,
                              const std::string& why) {
  if (ports_.clock.now() < tell_refusal_at_) return;
  tell_refusal_at_ = ports_.clock.now() + kRefusalEvery;
  ports_.log.record("enrolment.refused",
                    {{"site", site.value}, {"address", address}, {"reason", why}});
}

Result<EnrolAnswer> Enrolments::enrol(const Enrol& request, const std::string& address) {
  const auto refused = [&](const std::string& why) {
    tell_refusal(request.site, address, why);
    return refuse(
        ErrorCode::kPermissionDenied,
        "the token is not, or no longer, good for this key of site '" + request.site.value +
            "'; check the name, which is the one that was invited, or ask for a new token");
  };
  const auto found = enrolments_.find({request.site, false});
  if (found == enrolments_.end()) return refused("the site was not invited");
  Enrolment enrolment = found->second;
  if (!is_same_secret(sha256(as_bytes(request.token)), enrolment.token_hash))
    return refused("another token");
  if (enrolment.row.state == EnrolmentState::kDenied && enrolment.row.fingerprint.empty()) {
    const std::string why = withdrawn(enrolment.row.why);
    tell_refusal(request.site, address, why);
    return EnrolAnswer{EnrolmentState::kDenied, "", "", why};
  }
  const bool is_new = enrolment.row.state == EnrolmentState::kInvited;
  if (is_new && ports_.clock.wall_ms() >= enrolment.row.until_wall_ms)
    return refused("the invitation ended");
  TRIB_TRY(asked, read_signing_request(request.request));
  if (asked.name != request.site.value) return refused("a request for '" + asked.name + "'");
  if (is_new) {
    enrolment.row.state = EnrolmentState::kRequested;
    enrolment.row.request = request.request;
    enrolment.row.fingerprint = asked.fingerprint;
    enrolment.row.address = address;
    TRIB_CHECK_OK(save(enrolment, requested(enrolment.row)));
  }
  if (enrolment.row.fingerprint != asked.fingerprint)
    return refused("the token was used for another key, from " + enrolment.row.address);
  EnrolAnswer answer{enrolment.row.state, enrolment.certificates, "", ""};
  if (answer.state == EnrolmentState::kIssued) answer.crl = ports_.lists();
  if (answer.state == EnrolmentState::kDenied) answer.why = enrolment.row.why;
  return answer;
}

Status Enrolments::renew(const SiteName& site, const RenewCertificate& request) {
  tell_lists(site);
  if (request.request.empty()) return {};
  const std::int64_t now = ports_.clock.wall_ms();
  TRIB_TRY(vouched, read_vouched_request(ports_.trust(), request.request, now / 1000));
  TRIB_TRY(asked, read_signing_request(vouched.request));
  if (asked.name != site.value || vouched.by.name != site.value)
    return refuse(ErrorCode::kPermissionDenied, "a request for '" + asked.name + "'");
  TRIB_CHECK_OK(ports_.permits(site, vouched.by.fingerprint));
  const auto found = enrolments_.find({site, true});
  if (found != enrolments_.end()) {
    if (found->second.row.fingerprint == asked.fingerprint) {
      tell_decided(found->second);
      return {};
    }
    if (now - found->second.row.changed_wall_ms < kAnotherKeyMs)
      return refuse(ErrorCode::kResourceExhausted, "a certificate for another key, so soon");
  }
  Enrolment enrolment;
  enrolment.row.site = site;
  enrolment.row.role = peer_role_name(vouched.by.role);
  enrolment.row.renewal = true;
  enrolment.row.state = EnrolmentState::kRequested;
  enrolment.row.request = request.request;
  enrolment.row.fingerprint = asked.fingerprint;
  const Report told = requested(enrolment.row);
  return save(std::move(enrolment), told);
}

// Not again to one that asks again at once.
void Enrolments::tell_lists(const SiteName& site) {
  const std::int64_t now = ports_.clock.wall_ms();
  const auto [listener, is_new] = listeners_.try_emplace(site, now);
  if (!is_new && now - listener->second < kAnotherKeyMs) return;
  listener->second = now;
  if (std::string lists = ports_.lists(); !lists.empty())
    ports_.tell(site, TrustUpdate{"", std::move(lists)});
}

void Enrolments::tell_decided(const Enrolment& enrolment) const {
  const EnrolmentRow& row = enrolment.row;
  if (row.state == EnrolmentState::kIssued)
    ports_.tell(row.site, TrustUpdate{enrolment.certificates, ports_.lists()});
  if (row.state == EnrolmentState::kDenied)
    ports_.tell(row.site, EnrolAnswer{row.state, "", "", row.why});
}

void Enrolments::lists_changed() {
  const std::string lists = ports_.lists();
  if (lists.empty()) return;
  for (const auto& [site, told] : listeners_) ports_.tell(site, TrustUpdate{"", lists});
}

EnrolmentList Enrolments::list(const ListEnrolments& request) const {
  EnrolmentList reply;
  Page page(request.from);
  for (const auto& [key, enrolment] : enrolments_) page.offer(enrolment.row, reply.rows);
  reply.next = page.next();
  return reply;
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
  if (!denied) {
    TRIB_CHECK_OK(ports_.permits(request.site, ""));
    TRIB_CHECK_OK(check_issued(enrolment.row, request.certificates));
  }
  enrolment.row.state = denied ? EnrolmentState::kDenied : EnrolmentState::kIssued;
  enrolment.row.by = who;
  enrolment.row.why = request.why;
  enrolment.certificates = request.certificates;
  TRIB_CHECK_OK(save(enrolment, {denied ? "enrolment.denied" : "enrolment.issued",
                                 {{"site", request.site.value},
                                  {"operator", who},
                                  {"fingerprint", enrolment.row.fingerprint},
                                  {"renewal", request.renewal},
                                  {"reason", request.why}}}));
  if (request.renewal) tell_decided(enrolment);
  return EnrolmentDecided{request.site};
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Enrolments: who was invited, who asks for a certificate, and what was decided: a guest by the
// token that a person gave it, a site on its link by the certificate it has. The CA's key is not
// here: an operator who has it signs, and hands the certificate over. Durable before it is
// answered. Owned by the daemon, engine thread. It knows no link.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "common/base/clock.h"
#include "common/crypto/signing.h"
#include "common/domain/messages.h"
#include "common/telemetry/event_log.h"
#include "coordinator/service/state_store.h"

namespace tributary {

class Enrolments {
 public:
  struct Ports {
    const Clock& clock;
    StateStore& store;
    EventLog& log;
    std::function<Trust()> trust;        // in certificates
    std::function<std::string()> lists;  // of revoked certificates, in force
    std::function<void(const SiteName&, const TrustUpdate&)> tell;  // a site, if it is on its link
  };
  static Result<Enrolments> open(Ports ports);

  // While there are invitations that have not ended.
  bool expects_guests() const { return ports_.clock.wall_ms() < guests_until_ms_; }

  // The later invitation of a site takes the place of the earlier.
  Result<SiteInvited> invite(const InviteSite& request, const std::string& who);
  // kPermissionDenied, in the same words whatever is wrong with the token: not this one, for
  // another key, ended. The first request with a token is the one that it is good for.
  Result<EnrolAnswer> enrol(const Enrol& request, const std::string& address);
  // A site, whose certificate the link has checked, wants the next one, or without a request news
  // only. Answered by `tell`: at once by the lists of revoked certificates, later by whatever is
  // new.
  Status renew(const SiteName& site, std::string_view role, const RenewCertificate& request);
  // New lists are in force: for all who have asked for news.
  void lists_changed();

  EnrolmentList list(const ListEnrolments& request) const;
  Result<EnrolmentDecided> decide(const DecideEnrolment& request, const std::string& who);

 private:
  using Key = std::pair<SiteName, bool>;  // and whether it is a renewal

  explicit Enrolments(Ports ports) : ports_(std::move(ports)) {}
  Status save(Enrolment enrolment);
  Status check_issued(const EnrolmentRow& row, const std::string& certificates) const;

  Ports ports_;
  std::int64_t guests_until_ms_ = 0;
  std::map<Key, Enrolment> enrolments_;
  std::set<SiteName> listeners_;  // to whom news may be told: older versions do not know them
};

}  // namespace tributary

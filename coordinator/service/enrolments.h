// SPDX-License-Identifier: Apache-2.0
// Enrolments: who was invited, who asks for a certificate, and what was decided: a guest by the
// token that a person gave it, a site on its link by the certificate it has. The CA's key is not
// here: an operator who has it signs, and hands the certificate over. Durable before it is
// answered. Owned by the daemon, engine thread. It knows no link.
#pragma once

#include <functional>
#include <map>

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
    // Whether a site may have a certificate; fingerprint: of the one it asks with, or none.
    std::function<Status(const SiteName&, const std::string& fingerprint)> permits;
    std::function<void(const SiteName&, const Message&)> tell;  // a site, if it is on its link
  };
  static Result<Enrolments> open(Ports ports);

  // While somebody was invited, or asks as a guest, or may come for what was decided.
  bool expects_guests() const { return ports_.clock.wall_ms() < guests_until_ms_; }

  // The later invitation of a site takes the place of the earlier.
  Result<SiteInvited> invite(const InviteSite& request, const std::string& who);
  // kPermissionDenied, in the same words whatever is wrong with the token: not this one, for
  // another key, ended. The first request with a token is the one that it is good for.
  Result<EnrolAnswer> enrol(const Enrol& request, const std::string& address);
  // A site wants its next certificate, for a request that its present one vouches for, or without a
  // request news only. Answered by `tell`: at once by the lists of revoked certificates, later by
  // whatever is new.
  Status renew(const SiteName& site, const RenewCertificate& request);
  // A line in the log, one a second: nobody fills a disk by guessing.
  void tell_refusal(const SiteName& site, const std::string& address, const std::string& why);
  // The site is on a new link: it may be of another version, and says so by asking.
  void begin(const SiteName& site) { listeners_.erase(site); }
  // New lists are in force: for all who have asked for news.
  void lists_changed();

  EnrolmentList list(const ListEnrolments& request) const;
  Result<EnrolmentDecided> decide(const DecideEnrolment& request, const std::string& who);

 private:
  using Key = std::pair<SiteName, bool>;  // and whether it is a renewal

  explicit Enrolments(Ports ports) : ports_(std::move(ports)) {}
  // With what it comes from: in the audit log at once, and then in the log.
  Status save(Enrolment enrolment, const Report& decision);
  void expect_guests();
  Status check_issued(const EnrolmentRow& row, const std::string& certificates) const;
  void tell_lists(const SiteName& site);
  void tell_decided(const Enrolment& enrolment) const;

  Ports ports_;
  std::int64_t guests_until_ms_ = 0;
  TimePoint tell_refusal_at_{};
  std::map<Key, Enrolment> enrolments_;
  std::map<SiteName, std::int64_t> listeners_;  // to whom news is told, and when lists were
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Entrance: to whom a link goes once its handshake is done, by what its certificate or token says:
// a site's, an operator's or a guest's session; and what the log says of those who are turned away.
// Owned by the daemon, engine thread. What each may do is its session's.
#pragma once

#include <memory>
#include <string>

#include "common/transport/frame_link.h"
#include "coordinator/service/audit_exchange.h"
#include "coordinator/service/guest_sessions.h"
#include "coordinator/service/operator_access.h"
#include "coordinator/service/operator_sessions.h"
#include "coordinator/service/refusals.h"
#include "coordinator/service/site_registry.h"
#include "coordinator/service/site_sessions.h"

namespace tributary {

class Entrance {
 public:
  struct Ports {
    const Clock& clock;
    EventLog& log;
    OperatorAccess& access;
    SiteRegistry& registry;
    AuditExchange& exchange;
    Enrolments& enrolments;
    SiteSessions& sites;
    OperatorSessions& operators;
    GuestSessions& guests;
  };
  explicit Entrance(Ports ports) : ports_(ports), refusals_(ports.clock, ports.log) {
    ports_.guests.set_refused(
        [this](const std::string& address, const Error& why) { refusals_.refused(address, why); });
  }
  Entrance(const Entrance&) = delete;
  Entrance& operator=(const Entrance&) = delete;

  void admit(std::shared_ptr<FrameLink> link, const Hello& hello);
  Refusals& refusals() { return refusals_; }
  void close_all(const Error& why);
  std::size_t size() const;  // links

 private:
  void admit_site(const std::shared_ptr<FrameLink>& link, const Hello& hello);
  void admit_bearer(const std::shared_ptr<FrameLink>& link, const std::string& token);

  Ports ports_;
  Refusals refusals_;
};

}  // namespace tributary

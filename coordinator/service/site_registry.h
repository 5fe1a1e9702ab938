// SPDX-License-Identifier: Apache-2.0
// SiteRegistry: which sites operators keep out, and which of their certificates are never let in
// again, with or without a list of revoked ones. Durable before it takes effect, in the audit log
// too: who decided, and why. Owned by the daemon, engine thread. It knows no link: whoever owns
// them is told whom to drop.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "common/domain/messages.h"
#include "common/telemetry/event_log.h"
#include "coordinator/service/state_store.h"

namespace tributary {

class SiteRegistry {
 public:
  // Ends the site's work and its link, if it has one; whether it had.
  using Drop = std::function<bool(const SiteName& site, const Error& why)>;
  // It may come again.
  using Allow = std::function<void(const SiteName& site)>;
  // `store` and `log` outlive it.
  static Result<SiteRegistry> open(StateStore& store, EventLog& log);
  void set_doors(Drop drop, Allow allow) {
    drop_ = std::move(drop);
    allow_ = std::move(allow);
  }

  // Whether a site may come with this certificate, whose fingerprint is kept. kPermissionDenied
  // says who keeps it out, and why.
  Status admit(const SiteName& site, const std::string& fingerprint);
  // The same, without a trace of it; without a fingerprint, whether it may come at all.
  Status permits(const SiteName& site, const std::string& fingerprint) const;
  Result<SiteControlled> control(const ControlSite& request, const std::string& who);
  // Into the rows of sites that have come; and rows for those that are kept out and never came.
  void describe(std::vector<SiteRow>& rows) const;

 private:
  SiteRegistry(StateStore& store, EventLog& log) : store_(&store), log_(&log) {}
  Status save(const SiteName& site, SiteStanding standing, const std::optional<Report>& decision);

  StateStore* store_;
  EventLog* log_;
  Drop drop_;
  Allow allow_;
  std::map<SiteName, SiteStanding> standings_;
};

}  // namespace tributary

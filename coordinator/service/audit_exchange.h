// SPDX-License-Identifier: Apache-2.0
// AuditExchange: brings each new head of the coordinator's audit log to the sites, with a proof
// that it continues the head that the site keeps, and keeps their countersignatures. A site is sent
// one head at a time: the next when it has answered; and none twice on a link, because whoever
// refuses a head answers with the one that it keeps. A site that speaks out of turn loses its link:
// each check costs a signature. Engine thread only. It decides nothing about a site whose head is
// of another log; the site does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/base/ids.h"
#include "common/domain/messages.h"
#include "common/telemetry/event_log.h"
#include "coordinator/service/audit_trail.h"

namespace tributary {

class AuditExchange {
 public:
  struct Ports {
    AuditTrail& trail;
    EventLog& log;
    Trust trust;
    std::function<void(const SiteName&, const Message&)> send;
    std::function<void(const SiteName&, const Error&)> drop;  // ends the site's link
    // Does `work` elsewhere, then calls `then` on the engine's thread; none: at once.
    std::function<void(std::function<void()> work, std::function<void()> then)> work = {};
  };
  explicit AuditExchange(Ports ports)
      : trust_(std::make_shared<const Trust>(std::move(ports.trust))), ports_(std::move(ports)) {}

  const Trust& trust() const { return *trust_; }
  // Also after the trail got another signer: the newest head is signed anew, and offered to those
  // who did not take it before.
  void renew(Trust trust);
  // There may be records under no head. A failure is told, and made good with the next record.
  void sign();
  // The site is on a new link: what it was asked on the last one has no answer.
  void begin(const SiteName& site);
  // First on each link of a site, and in answer to a head. One that nobody asked for, or that the
  // site did not sign, ends the link.
  void on_countersignature(const SiteName& site, const AuditCountersignature& message);

 private:
  enum class Turn { kSite, kCheck, kOurs };
  struct Kept {
    std::uint64_t size = 0;
    Turn turn = Turn::kSite;  // first, it says what it keeps
    Bytes offered = {};       // the signature of the last head
  };
  void offer(const SiteName& site, Kept& kept);
  void keep(const SiteName& site, const Countersignature& one);
  void answered(const SiteName& site, std::uint64_t size);

  std::shared_ptr<const Trust> trust_;  // also of checks that are under way
  Ports ports_;
  std::map<SiteName, Kept> sites_;
  std::map<SiteName, std::uint64_t> links_;   // how many each has had
  std::map<SiteName, std::uint64_t> stored_;  // sizes, in this life
};

}  // namespace tributary

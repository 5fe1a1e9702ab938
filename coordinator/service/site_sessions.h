// SPDX-License-Identifier: Apache-2.0
// SiteSessions: the sites that are on a link, one session each: hands their messages to the driver,
// its messages to them, and moves blobs both ways; those that come too many at once are told when
// to come back. It is the driver's SitePort over the network. Engine thread only. It decides
// nothing about rounds.
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/storage/blob_store.h"
#include "common/telemetry/event_log.h"
#include "common/transfer/blob_transfers.h"
#include "common/wire/link.h"
#include "coordinator/service/admission.h"
#include "coordinator/service/driver.h"
#include "coordinator/service/upload_grants.h"

namespace tributary {

class SiteSessions final : public SitePort {
 public:
  struct Ports {
    const Clock& clock;
    Staging& blobs;
    StateStore& store;
    EventLog& log;
    std::vector<std::string> allowed;  // names that may connect; empty: all
    AdmissionConfig admission;
    std::string software;
    std::function<void(std::function<void()>)> to_engine;  // runs later, on the engine's thread
    // One for each link, for its uploads; none: on the engine's thread.
    std::function<BlobTransfers::WorkQueue()> work_queue = {};
    std::uint64_t upload_memory =
        std::numeric_limits<std::uint64_t>::max();  // bytes of all uploads that run
    // What a site says of the audit log; none: no site may.
    std::function<void(const SiteName&, const AuditCountersignature&)> audit = {};
    // A site's wish for its next certificate, and for news; none: no site may.
    std::function<Status(const SiteName&, const RenewCertificate&)> renew = {};
  };
  explicit SiteSessions(Ports ports);
  ~SiteSessions() override;

  // Where events go; before the first link.
  void set_driver(Driver* driver) { driver_ = driver; }
  // Whoever is on a link, or has work, and is not among `allowed` is sent away; those that come
  // from now on are met with both.
  void renew(std::vector<std::string> allowed, const AdmissionConfig& admission);
  // Sites of an earlier life, which may all come back now; before the first link.
  void expect(const std::vector<SiteRow>& sites);
  // A site's link after its Hello: welcomed, or sent away (null). Whoever runs the link hands what
  // arrives to the handler, and says when it has ended.
  std::shared_ptr<LinkHandler> admit(std::shared_ptr<Link> link, const SiteName& site,
                                     const std::string& address, const Hello& hello,
                                     bool evaluator = false);
  void ended(const std::shared_ptr<LinkHandler>& handler, const Error& why);
  // Closes a link, with a turn of its own to come back in.
  void send_away(Link& link, const Error& why);
  // Ends a site's work, with the reason `barred`, and its link; whether it had one.
  bool bar(const SiteName& site, const Error& why);
  // Ends a site's link, if it has one; it may come back.
  void drop(const SiteName& site, const Error& why);
  void close_all(const Error& why);
  // Tells of those who were put off, once a second; starts uploads that need not wait any longer.
  // At next_wake(), or more often.
  void pass_time();
  std::optional<TimePoint> next_wake() const { return grants_.next_wake(); }
  std::size_t size() const { return sessions_.size(); }

  void send(const SiteName& site, const Message& message) override;
  void fetch(const SiteName& site, const BlobRef& blob, Lodging lodging,
             std::function<void(Status)> done) override;

 private:
  class Session;
  // Put off since the last line about them.
  struct Postponed {
    std::int64_t sites = 0;
    std::int64_t retry_after_ms = 0;  // the longest
  };
  bool is_allowed(const SiteName& site) const;
  bool may_come(Link& link, const SiteName& site, const std::string& address);
  void postpone(Link& link, const SiteName& site, const std::string& address,
                const Admission::Verdict& verdict);
  void replace(const std::shared_ptr<Session>& older, const std::string& address);
  void save_seen(SiteRow row);
  Welcome welcome(const SiteName& site);
  void report_postponed();
  void remove(const std::shared_ptr<Session>& session, const Error& why);

  Ports ports_;
  Admission admission_;
  UploadGrants grants_;
  std::set<SiteName> known_;                         // each that was ever on a link
  std::map<std::string_view, Postponed> postponed_;  // by bound
  TimePoint postponed_since_;
  bool closing_ = false;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for those who call later
  Driver* driver_ = nullptr;
  std::map<SiteName, std::shared_ptr<Session>> sessions_;
};

}  // namespace tributary

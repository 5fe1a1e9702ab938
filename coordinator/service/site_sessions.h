// SPDX-License-Identifier: Apache-2.0
// SiteSessions: the sites that are on a link, one session each: hands their messages to the driver,
// its messages to them, and moves blobs both ways. It is the driver's SitePort over the network.
// Engine thread only. It decides nothing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/storage/blob_store.h"
#include "common/telemetry/event_log.h"
#include "common/wire/link.h"
#include "coordinator/service/driver.h"

namespace tributary {

class SiteSessions final : public SitePort {
 public:
  struct Ports {
    const Clock& clock;
    BlobStore& blobs;
    StateStore& store;
    EventLog& log;
    std::vector<std::string> allowed;  // names that may connect; empty: all
    std::string software;
    std::function<void(std::function<void()>)> to_engine;  // runs later, on the engine's thread
  };
  explicit SiteSessions(Ports ports) : ports_(std::move(ports)) {}
  ~SiteSessions() override;

  // Where events go; before the first link.
  void set_driver(Driver* driver) { driver_ = driver; }
  // A site's link after its Hello: welcomed, or sent away (null). Whoever runs the link hands what
  // arrives to the handler, and says when it has ended.
  std::shared_ptr<LinkHandler> admit(std::shared_ptr<Link> link, const SiteName& site,
                                     const std::string& address, const Hello& hello);
  void ended(const std::shared_ptr<LinkHandler>& handler, const Error& why);
  void close_all(const Error& why);
  std::size_t size() const { return sessions_.size(); }

  void send(const SiteName& site, const Message& message) override;
  void fetch(const SiteName& site, const BlobRef& blob, std::function<void(Status)> done) override;

 private:
  class Session;
  void remove(const std::shared_ptr<Session>& session, const Error& why);

  Ports ports_;
  Driver* driver_ = nullptr;
  std::map<SiteName, std::shared_ptr<Session>> sessions_;
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// GuestSessions: the links of those who have no certificate and ask for one. Each is short: who
// waits for a decision comes again. Engine thread only.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "common/transport/frame_link.h"
#include "coordinator/service/enrolments.h"

namespace tributary {

class GuestSessions {
 public:
  struct Ports {
    Enrolments& enrolments;
    std::function<std::string()> roots;  // ca.pem
    std::string software;
  };
  explicit GuestSessions(Ports ports) : ports_(std::move(ports)) {}
  ~GuestSessions();

  using Refused = std::function<void(const std::string& address, const Error& why)>;
  void set_refused(Refused refused) { refused_ = std::move(refused); }

  void admit(std::shared_ptr<FrameLink> link);
  void close_all(const Error& why);
  std::size_t size() const { return sessions_.size(); }

 private:
  class Session;

  Ports ports_;
  Refused refused_;
  std::set<std::shared_ptr<Session>> sessions_;
};

}  // namespace tributary

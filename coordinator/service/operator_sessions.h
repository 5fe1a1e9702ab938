// SPDX-License-Identifier: Apache-2.0
// OperatorSessions: the links of operators: requests to OperatorApi, as far as roles permit them,
// replies back, model files fetched before a job that needs one is submitted, models served, events
// of a watched job sent on; the end of a token is the end of its link. Engine thread only.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "common/storage/blob_store.h"
#include "common/telemetry/event_log.h"
#include "common/transport/frame_link.h"
#include "coordinator/service/operator_access.h"
#include "coordinator/service/operator_api.h"

namespace tributary {

class OperatorSessions {
 public:
  struct Ports {
    const Clock& clock;
    const OperatorAccess& access;
    OperatorApi& api;
    BlobStore& blobs;  // for the model files of jobs
    ModelRepository& models;
    EventLog& log;
    std::string software;
  };
  explicit OperatorSessions(Ports ports) : ports_(std::move(ports)) {}
  ~OperatorSessions();

  void admit(std::shared_ptr<FrameLink> link, Caller caller);
  void close_all(const Error& why);
  void close_tokens(const Error& why);  // of those who came with one
  std::size_t size() const { return sessions_.size(); }

 private:
  class Session;

  Ports ports_;
  std::set<std::shared_ptr<Session>> sessions_;
};

}  // namespace tributary

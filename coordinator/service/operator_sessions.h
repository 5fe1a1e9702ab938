// SPDX-License-Identifier: Apache-2.0
// OperatorSessions: the links of operators: requests to OperatorApi, replies back, model files
// fetched before a job that needs one is submitted, models served, events of a watched job sent on.
// Engine thread only.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "common/storage/blob_store.h"
#include "common/telemetry/event_log.h"
#include "common/transport/frame_link.h"
#include "coordinator/service/operator_api.h"

namespace tributary {

class OperatorSessions {
 public:
  struct Ports {
    OperatorApi& api;
    BlobStore& blobs;  // for the model files of jobs
    ModelRepository& models;
    EventLog& log;
    std::string software;
  };
  explicit OperatorSessions(Ports ports) : ports_(std::move(ports)) {}
  ~OperatorSessions();

  void admit(std::shared_ptr<FrameLink> link);
  void close_all(const Error& why);
  std::size_t size() const { return sessions_.size(); }

 private:
  class Session;

  Ports ports_;
  std::set<std::shared_ptr<Session>> sessions_;
};

}  // namespace tributary

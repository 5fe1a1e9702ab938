// SPDX-License-Identifier: Apache-2.0
// ModelFetches: brings models to a site that holds the one before, as what changed since
// (common/tensor/model_delta.h). Whatever is wrong with that way, the model is downloaded whole: it
// is here when its bytes have its digest, and not otherwise. Owned by the agent, on its thread; its
// files are read and written on the work queue, block by block. It does not decide which models are
// wanted.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "common/domain/task.h"
#include "common/storage/blob_store.h"
#include "common/telemetry/event_log.h"
#include "common/transfer/blob_transfers.h"

namespace tributary {

class ModelFetches {
 public:
  struct Ports {
    // Over the link, if there is one; take() is told how it ended, unless the link goes down.
    std::function<void(const BlobRef& blob)> download;
    std::function<void(const BlobRef& model)> arrived;
    BlobTransfers::WorkQueue work = {};  // none: on this thread
  };

  ModelFetches(BlobStore& blobs, EventLog& log, Ports ports)
      : blobs_(blobs), log_(log), ports_(std::move(ports)) {}

  // False: `model` has to be downloaded, because there is no delta, its base is not here, or it was
  // tried before. Otherwise answered by arrived(), or by a download of `model`. Asked again after
  // the link was down.
  bool fetch(const BlobRef& model, const ModelDelta& delta);
  // A download has ended. False: it was none of a delta.
  bool take(const BlobRef& blob, const Status& outcome);
  // A model or delta that nobody wants any more.
  void drop(const Digest& digest);

 private:
  struct Fetch {
    BlobRef model;
    ModelDelta delta;
  };
  void apply(const Fetch& fetch);
  void applied(const Fetch& fetch, const Status& outcome);
  void fall_back(const Fetch& fetch, const Error& why);

  BlobStore& blobs_;
  EventLog& log_;
  Ports ports_;
  // By delta and model: two models may have one delta, and one model two.
  std::map<std::pair<Digest, Digest>, Fetch> downloading_;
  std::map<Digest, bool> applying_;  // by the model's: whether it is wanted still
  std::set<Digest> failed_;          // deltas
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for the queue's answers
};

}  // namespace tributary

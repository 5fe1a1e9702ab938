// SPDX-License-Identifier: Apache-2.0
// SitePort: how the driver reaches a site, over the network in the daemon and by a call in
// tributary-simulate. Called on the engine's thread only; `done` comes back on it too. It decides
// nothing.
#pragma once

#include <functional>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/domain/messages.h"

namespace tributary {

// Where a blob may lie until it is removed: one that the sum needs only once also in memory, where
// there is room.
enum class Lodging { kDisk, kMemory };

class SitePort {
 public:
  virtual ~SitePort() = default;
  // To a site that is off the link: dropped, the engine offers again when it is back.
  virtual void send(const SiteName& site, const Message& message) = 0;
  // Brings a blob of the site into the blob store, going on where an earlier try stopped, verified
  // by its digest. kUnavailable: the site went away; kDataLoss: the bytes are not those announced;
  // kResourceExhausted: disk full.
  virtual void fetch(const SiteName& site, const BlobRef& blob, Lodging lodging,
                     std::function<void(Status)> done) = 0;
};

}  // namespace tributary

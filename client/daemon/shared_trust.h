// SPDX-License-Identifier: Apache-2.0
// SharedTrust: whose signatures count, as it is in force, for all threads of the daemon.
#pragma once

#include <mutex>
#include <utility>

#include "common/crypto/signing.h"

namespace tributary {

class SharedTrust {
 public:
  void set(Trust trust) {
    const std::scoped_lock lock(mutex_);
    trust_ = std::move(trust);
  }
  Trust get() const {
    const std::scoped_lock lock(mutex_);
    return trust_;
  }

 private:
  mutable std::mutex mutex_;
  Trust trust_{""};
};

}  // namespace tributary

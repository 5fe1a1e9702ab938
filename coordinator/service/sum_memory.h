// SPDX-License-Identifier: Apache-2.0
// SumMemory: what a round's sum has left for the next one, of whatever job: memory that is new can
// cost more than all adding. One buffer at most, whatever jobs there are and however long they
// pause. Thread-safe.
#pragma once

#include <mutex>
#include <utility>

#include "coordinator/aggregation/exact_sum.h"

namespace tributary {

class SumMemory {
 public:
  ExactSum::Memory take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(spare_, {});
  }
  void give(ExactSum::Memory memory) {
    const std::lock_guard lock(mutex_);
    std::swap(spare_, memory);  // the one before goes after the lock
  }

 private:
  std::mutex mutex_;
  ExactSum::Memory spare_;
};

}  // namespace tributary

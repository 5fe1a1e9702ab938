// SPDX-License-Identifier: Apache-2.0
// A ParallelFor of so many threads, for the tests of this folder.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "coordinator/aggregation/parallel.h"

namespace tributary {

// Threads that take one part after another.
inline ParallelFor on_threads(std::size_t count) {
  return [count](std::size_t parts, const std::function<void(std::size_t)>& part) {
    std::atomic<std::size_t> next{0};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < count; ++t) {
      threads.emplace_back([&] {
        for (std::size_t p = next++; p < parts; p = next++) part(p);
      });
    }
    for (std::thread& thread : threads) thread.join();
  };
}

}  // namespace tributary

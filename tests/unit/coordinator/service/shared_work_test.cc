// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/shared_work.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace tributary {
namespace {

// A thread for each piece of work, joined at the end.
class Threads {
 public:
  ~Threads() {
    for (std::thread& thread : threads_) thread.join();
  }
  std::function<void(std::function<void()>)> post() {
    return [this](std::function<void()> work) {
      const std::lock_guard lock(mutex_);
      threads_.emplace_back(std::move(work));
    };
  }

 private:
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

TEST(SharedWork, EveryPartIsDoneOnceWhenItReturns) {
  for (const std::size_t helpers : {0u, 1u, 3u}) {
    Threads threads;
    const ParallelFor parallel = shared_work(threads.post(), helpers);
    for (const std::size_t parts : {0u, 1u, 2u, 100u}) {
      std::vector<std::atomic<int>> done(parts);
      parallel(parts, [&done](std::size_t part) { ++done[part]; });
      for (const auto& times : done) EXPECT_EQ(times, 1);
    }
  }
}

TEST(SharedWork, NeedsNobodysHelpAndOneWhoComesLateFindsNothing) {
  std::vector<std::function<void()>> posted;
  const ParallelFor parallel =
      shared_work([&posted](std::function<void()> work) { posted.push_back(std::move(work)); }, 3);
  int done = 0;
  parallel(10, [&done](std::size_t) { ++done; });
  EXPECT_EQ(done, 10);
  EXPECT_EQ(posted.size(), 3u);
  for (const auto& work : posted) work();
  EXPECT_EQ(done, 10);
}

TEST(SharedWork, WhatAPartThrowsComesOutAfterAllAreDone) {
  Threads threads;
  std::atomic<int> done{0};
  const auto run = [&] {
    shared_work(threads.post(), 2)(20, [&done](std::size_t part) {
      ++done;
      if (part == 7) throw std::runtime_error("no memory");
    });
  };
  EXPECT_THROW(run(), std::runtime_error);
  EXPECT_EQ(done, 20);
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/shared_work.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>

namespace tributary {
namespace {

// Of one call. A helper that comes too late finds no part left, and touches nothing of the
// caller's.
struct Work {
  Work(std::size_t part_count, const std::function<void(std::size_t)>& one)
      : parts(part_count), part(one) {}

  void take_parts() {
    for (std::size_t p = next++; p < parts; p = next++) {
      std::exception_ptr thrown;
      try {
        part(p);
      } catch (...) {
        thrown = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      if (thrown && !failure) failure = thrown;
      if (++done == parts) all_done.notify_all();
    }
  }
  void wait() {
    std::unique_lock lock(mutex);
    all_done.wait(lock, [this] { return done == parts; });
    if (failure) std::rethrow_exception(failure);
  }

  const std::size_t parts;
  const std::function<void(std::size_t)>& part;  // lives until the last part is done
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable all_done;
  std::size_t done = 0;
  std::exception_ptr failure;
};

}  // namespace

ParallelFor shared_work(std::function<void(std::function<void()>)> post, std::size_t helpers) {
  return [post = std::move(post), helpers](std::size_t parts,
                                           const std::function<void(std::size_t)>& part) {
    if (parts < 2 || helpers == 0) return one_after_another(parts, part);
    const auto work = std::make_shared<Work>(parts, part);
    for (std::size_t h = 0; h < std::min(helpers, parts - 1); ++h)
      post([work] { work->take_parts(); });
    work->take_parts();
    work->wait();
  };
}

}  // namespace tributary

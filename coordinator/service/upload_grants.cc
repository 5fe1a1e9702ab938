// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/upload_grants.h"

#include <algorithm>
#include <utility>

#include "common/transfer/blob_transfers.h"

namespace tributary {
namespace {

constexpr Milliseconds kMemoryWait{500};
constexpr std::uint64_t kSlowBytesPerMs = 200'000;

}  // namespace

Milliseconds UploadGrants::memory_wait(std::uint64_t bytes) {
  return kMemoryWait + Milliseconds(bytes / kSlowBytesPerMs);
}

std::uint64_t UploadGrants::cost(const Upload& upload) {
  return std::min(upload.blob.bytes, BlobTransfers::kHeldBytesMax);
}

UploadGrants::Ticket UploadGrants::ask(const BlobRef& blob, Lodging lodging,
                                       std::function<void()> start) {
  const Ticket ticket = ++last_;
  const bool memory = lodging == Lodging::kMemory && staging_.can_fit(blob);
  (memory ? for_memory_ : waiting_).push_back({ticket, blob, std::move(start), clock_.now()});
  start_next();
  return ticket;
}

void UploadGrants::end(Ticket ticket) {
  const auto same = [ticket](const Upload& one) { return one.ticket == ticket; };
  std::erase_if(for_memory_, same);
  const auto waits = std::ranges::find_if(waiting_, same);
  if (waits != waiting_.end()) {
    staging_.release(waits->blob.digest);
    waiting_.erase(waits);
  }
  if (const auto ended = running_.extract(ticket)) {
    used_ -= cost(ended.mapped());
    if (ended.mapped().in_memory) place_freed_ = clock_.now();
    staging_.release(ended.mapped().blob.digest);
  }
  start_next();
}

void UploadGrants::pass_time() {
  while (!for_memory_.empty() && clock_.now() >= *next_wake()) {
    waiting_.push_back(std::move(for_memory_.front()));
    for_memory_.pop_front();
  }
  start_next();
}

std::optional<TimePoint> UploadGrants::next_wake() const {
  if (for_memory_.empty()) return std::nullopt;
  const Upload& next = for_memory_.front();
  return std::max(next.asked, place_freed_) + memory_wait(next.blob.bytes);
}

// An upload may be over before its start returns; the loop that started it goes on then.
void UploadGrants::start_next() {
  if (std::exchange(starting_, true)) return;
  for (;;) {
    if (!for_memory_.empty() && staging_.reserve(for_memory_.front().blob)) {
      for_memory_.front().in_memory = true;
      waiting_.push_back(std::move(for_memory_.front()));
      for_memory_.pop_front();
      continue;
    }
    if (waiting_.empty()) break;
    if (!running_.empty() && used_ + cost(waiting_.front()) > budget_) break;
    const Upload next = std::move(waiting_.front());
    waiting_.pop_front();
    used_ += cost(next);
    running_[next.ticket] = next;
    next.start();
  }
  starting_ = false;
}

}  // namespace tributary

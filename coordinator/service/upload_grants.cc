// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/upload_grants.h"

#include <algorithm>
#include <utility>

#include "common/transfer/blob_transfers.h"

namespace tributary {

UploadGrants::Ticket UploadGrants::ask(std::uint64_t bytes, std::function<void()> start) {
  const Ticket ticket = ++last_;
  waiting_.push_back({ticket, std::min(bytes, BlobTransfers::kHeldBytesMax), std::move(start)});
  start_next();
  return ticket;
}

void UploadGrants::end(Ticket ticket) {
  std::erase_if(waiting_, [ticket](const Upload& one) { return one.ticket == ticket; });
  const auto found = running_.find(ticket);
  if (found != running_.end()) {
    used_ -= found->second;
    running_.erase(found);
  }
  start_next();
}

// An upload may be over before its start returns; the loop that started it goes on then.
void UploadGrants::start_next() {
  if (std::exchange(starting_, true)) return;
  while (!waiting_.empty() && (running_.empty() || used_ + waiting_.front().cost <= budget_)) {
    const Upload next = std::move(waiting_.front());
    waiting_.pop_front();
    used_ += next.cost;
    running_[next.ticket] = next.cost;
    next.start();
  }
  starting_ = false;
}

}  // namespace tributary

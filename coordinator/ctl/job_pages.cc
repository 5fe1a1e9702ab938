// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/job_pages.h"

#include <iterator>

namespace tributary {

Status append_page(JobDetail& whole, JobDetail page) {
  const bool last = page.next == RecordPosition{};
  if (!last && page.next <= whole.next)
    return make_error(ErrorCode::kProtocol, "the coordinator's pages of the job do not go on");
  auto rest = page.rounds.begin();
  if (whole.next.participant > 0 && !whole.rounds.empty() && rest != page.rounds.end()) {
    auto& participants = whole.rounds.back().participants;
    participants.insert(participants.end(), std::make_move_iterator(rest->participants.begin()),
                        std::make_move_iterator(rest->participants.end()));
    ++rest;
  }
  whole.rounds.insert(whole.rounds.end(), std::make_move_iterator(rest),
                      std::make_move_iterator(page.rounds.end()));
  whole.summary = std::move(page.summary);
  whole.next = page.next;
  return {};
}

}  // namespace tributary

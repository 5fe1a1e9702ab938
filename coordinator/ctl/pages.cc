// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/pages.h"

#include <iterator>

namespace tributary {
namespace {

// Whoever follows the pages comes to an end.
template <typename Reply>
Status go_on(Reply& whole, const Reply& page) {
  if (page.next != decltype(page.next){} && page.next <= whole.next)
    return make_error(ErrorCode::kProtocol, "the coordinator's pages do not go on");
  whole.next = page.next;
  return {};
}

template <typename Row>
void append(std::vector<Row>& rows, std::vector<Row> more) {
  rows.insert(rows.end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
}

}  // namespace

// A record that was cut goes on under the same head.
Status append_page(JobDetail& whole, JobDetail page) {
  const bool cut = whole.next.participant > 0;
  TRIB_CHECK_OK(go_on(whole, page));
  if (cut && !whole.rounds.empty() && !page.rounds.empty()) {
    append(whole.rounds.back().participants, std::move(page.rounds.front().participants));
    page.rounds.erase(page.rounds.begin());
  }
  append(whole.rounds, std::move(page.rounds));
  whole.summary = std::move(page.summary);
  return {};
}

Status append_page(JobList& whole, JobList page) {
  TRIB_CHECK_OK(go_on(whole, page));
  append(whole.jobs, std::move(page.jobs));
  return {};
}

Status append_page(StatusReply& whole, StatusReply page) {
  TRIB_CHECK_OK(go_on(whole, page));
  append(whole.sites, std::move(page.sites));
  append(whole.jobs, std::move(page.jobs));
  return {};
}

Status append_page(EnrolmentList& whole, EnrolmentList page) {
  TRIB_CHECK_OK(go_on(whole, page));
  append(whole.rows, std::move(page.rows));
  return {};
}

}  // namespace tributary

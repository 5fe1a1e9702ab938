// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/phase.h"

#include <algorithm>

#include "common/base/assert.h"

namespace tributary {

void Phase::add(const SiteName& site, TimePoint now, bool online) {
  Participant& one = participants_[site];
  one.asked = now;
  if (!online) one.lost_link = now;
  one.row.site = site;
  one.row.kind = task_kind_name(kind_);
  one.row.reason = reason_name(Reason::kPending);
}

Participant* Phase::pending(const SiteName& site) {
  const auto found = participants_.find(site);
  return found != participants_.end() && found->second.reason == Reason::kPending ? &found->second
                                                                                  : nullptr;
}

void Phase::settle(const SiteName& site, TimePoint now, Reason reason, std::string detail) {
  Participant* one = pending(site);
  TRIB_ASSERT(one != nullptr, "only a pending participant can be settled");
  TRIB_ASSERT(reason != Reason::kPending, "a participant is settled with a reason");
  one->reason = reason;
  one->row.reason = reason_name(reason);
  one->row.detail = std::move(detail);
  if (one->row.seconds == 0.0)
    one->row.seconds = static_cast<double>((now - one->asked).count()) / 1000.0;
}

std::vector<SiteName> Phase::expire(TimePoint now, Milliseconds disconnect_grace) {
  std::vector<SiteName> settled;
  for (auto& [site, one] : participants_) {
    if (one.reason != Reason::kPending || one.checking) continue;  // a check always comes back
    if (now >= deadline_) {
      const bool uploading = one.result.has_value();
      settle(site, now,
             one.lost_link        ? Reason::kDisconnected
             : one.fetch_again_at ? Reason::kStorageFailed
             : uploading          ? Reason::kUploadFailed
                                  : Reason::kDeadline,
             one.lost_link        ? "off the link at the deadline"
             : one.fetch_again_at ? "the coordinator could not store the update"
             : uploading          ? "upload not finished at the deadline"
                                  : "no result by the deadline");
    } else if (one.lost_link && now >= *one.lost_link + disconnect_grace) {
      settle(site, now, Reason::kDisconnected, "off the link for longer than the grace time");
    } else {
      continue;
    }
    settled.push_back(site);
  }
  return settled;
}

std::optional<TimePoint> Phase::next_wake(Milliseconds disconnect_grace) const {
  std::optional<TimePoint> wake;
  for (const auto& [site, one] : participants_) {
    if (one.reason != Reason::kPending || one.checking) continue;
    wake = std::min(wake.value_or(deadline_), deadline_);
    if (one.lost_link) wake = std::min(*wake, *one.lost_link + disconnect_grace);
    if (one.fetch_again_at) wake = std::min(*wake, *one.fetch_again_at);
  }
  return wake;
}

std::vector<SiteName> Phase::take_due_fetches(TimePoint now) {
  std::vector<SiteName> due;
  for (auto& [site, one] : participants_) {
    if (one.reason != Reason::kPending || !one.fetch_again_at || now < *one.fetch_again_at)
      continue;
    one.fetch_again_at.reset();
    if (one.result) due.push_back(site);
  }
  return due;
}

bool Phase::over() const { return awaited().empty(); }

std::uint32_t Phase::accepted() const {
  return static_cast<std::uint32_t>(with(Reason::kAccepted).size());
}

std::vector<SiteName> Phase::awaited() const { return with(Reason::kPending); }

std::vector<SiteName> Phase::with(Reason reason) const {
  std::vector<SiteName> sites;
  for (const auto& [site, one] : participants_) {
    if (one.reason == reason) sites.push_back(site);
  }
  return sites;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/watch.h"

namespace tributary {

void Watch::note(const SiteName& site, const Facts& facts) {
  forget(site);
  facts_.emplace(site, facts);
  if (facts.wake) wakes_.emplace(*facts.wake, site);
  if (facts.checking) ++checking_;
  if (facts.late) ++late_;
  if (facts.uploading && !facts.late) ++uploading_in_time_;
}

void Watch::forget(const SiteName& site) {
  const auto known = facts_.extract(site);
  if (!known) return;
  const Facts& facts = known.mapped();
  if (facts.wake) wakes_.erase({*facts.wake, site});
  if (facts.checking) --checking_;
  if (facts.late) --late_;
  if (facts.uploading && !facts.late) --uploading_in_time_;
}

std::optional<TimePoint> Watch::first_wake() const {
  if (wakes_.empty()) return std::nullopt;
  return wakes_.begin()->first;
}

}  // namespace tributary

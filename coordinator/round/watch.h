// SPDX-License-Identifier: Apache-2.0
// Watch: what is asked of a phase after every event, about its pending participants as a whole,
// without a look at each: a round may have thousands, and as many events. Owned by Phase, which
// notes every change. It decides nothing.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace tributary {

class Watch {
 public:
  // Of one pending participant.
  struct Facts {
    bool checking = false;
    bool late = false;
    bool uploading = false;
    std::optional<TimePoint> wake;  // when it is to be looked at again
  };

  void note(const SiteName& site, const Facts& facts);
  void forget(const SiteName& site);  // not pending any more

  bool any_checking() const { return checking_ > 0; }
  bool any_in_time() const { return facts_.size() > late_; }
  bool any_uploading_in_time() const { return uploading_in_time_ > 0; }
  std::optional<TimePoint> first_wake() const;

 private:
  std::map<SiteName, Facts> facts_;
  std::set<std::pair<TimePoint, SiteName>> wakes_;
  std::size_t checking_ = 0, late_ = 0, uploading_in_time_ = 0;
};

}  // namespace tributary

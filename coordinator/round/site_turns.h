// SPDX-License-Identifier: Apache-2.0
// SiteTurns: how many more tasks each site may be given, over all jobs, while one event is handled.
// A job that waits for sites that are busy takes its place at them, so that jobs behind it cannot
// keep it waiting for ever. Engine thread only.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "common/base/ids.h"

namespace tributary {

class SiteTurns {
 public:
  explicit SiteTurns(std::size_t tasks_per_site) : most_(tasks_per_site) {}  // 0: no limit

  bool limited() const { return most_ > 0; }
  bool free(const SiteName& site) const {
    const auto found = tasks_.find(site);
    return most_ == 0 || found == tasks_.end() || found->second < most_;
  }
  void take(const std::vector<SiteName>& sites) {
    if (most_ == 0) return;
    for (const SiteName& site : sites) ++tasks_[site];
  }

 private:
  std::size_t most_;
  std::map<SiteName, std::size_t> tasks_;
};

}  // namespace tributary

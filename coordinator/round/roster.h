// SPDX-License-Identifier: Apache-2.0
// Roster: the sites and evaluators that are on the link now. Plain values, any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/ids.h"

namespace tributary {

struct SiteOnLink {
  std::vector<std::string> datasets;
  bool evaluator = false;
};
using Roster = std::map<SiteName, SiteOnLink>;

}  // namespace tributary

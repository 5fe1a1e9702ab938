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

// "a,b", for people.
inline std::string joined(const std::vector<SiteName>& sites) {
  std::string text;
  for (const SiteName& site : sites) text += (text.empty() ? "" : ",") + site.value;
  return text;
}

}  // namespace tributary

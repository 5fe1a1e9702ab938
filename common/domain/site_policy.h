// SPDX-License-Identifier: Apache-2.0
// SitePolicy: what a site lets jobs do there. The site's own file sets it, and no coordinator can
// loosen it. Plain values, any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace tributary {

struct SitePolicy {
  // Of jobs that may run here; none: every family that this program has.
  std::optional<std::vector<std::string>> model_families = {};
  // Of an evaluator: a job may name it as the root of its rule, and train on the rows that only
  // judge otherwise.
  bool trains_as_root = false;
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// policy.yaml: what a site lets jobs do there. Plain values, any thread. No file is opened here;
// what a missing file means is its reader's to say.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/domain/site_policy.h"

namespace tributary {

// An empty file is none: `approval` is required.
Result<SitePolicy> parse_site_policy(const std::string& text, const std::string& file_name);

}  // namespace tributary

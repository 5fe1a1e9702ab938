// SPDX-License-Identifier: Apache-2.0
// SiteStanding: what operators have decided about a site, and the certificates it came with, as the
// state store keeps it: JSON text, readable with sqlite3. Plain values, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"

namespace tributary {

struct SiteStanding {
  SiteName site;
  std::string kept_out;  // "disabled" or "revoked"; empty: it may come
  std::string why;
  std::string by;                    // the operator
  std::vector<std::string> seen;     // fingerprints of certificates it came with, the oldest first
  std::vector<std::string> revoked;  // those that never come in again
};

std::string standing_to_json(const SiteStanding& standing);
// A text that is not what we wrote is kDataLoss.
Result<SiteStanding> standing_from_json(std::string_view text);

}  // namespace tributary

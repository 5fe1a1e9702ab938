// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_roster.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "common/base/limits.h"

namespace tributary {
namespace {

// Keys and digests, and what a message adds to each field.
constexpr std::size_t kMemberBytes = 160;

std::size_t bytes_of(const SumMember& member) {
  return kMemberBytes + member.site.value.size() + member.certificate.size() +
         member.signature.size();
}

}  // namespace

std::vector<SumRoster> roster_parts(const std::vector<SumMember>& roster,
                                    const std::string& issuers) {
  const auto members = static_cast<std::uint32_t>(roster.size());
  constexpr std::size_t kMost = limits::kControlBytesMax / 2;
  const std::size_t most = kMost - std::min(issuers.size(), kMost / 2);
  std::vector<SumRoster> parts;
  std::size_t bytes = most;
  for (std::uint32_t i = 0; i < members; ++i) {
    bytes += bytes_of(roster[i]);
    if (bytes > most) {
      parts.push_back({members, i, issuers, {}});
      bytes = bytes_of(roster[i]);
    }
    parts.back().part.push_back(roster[i]);
  }
  return parts;
}

std::string joined_issuers(const std::vector<std::string>& issuers) {
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----\n";
  std::set<std::string> seen;
  std::string joined;
  for (const std::string& text : issuers) {
    std::size_t at = 0, end = 0;
    while ((end = text.find(kEnd, at)) != std::string::npos) {
      const std::string one = text.substr(at, end + kEnd.size() - at);
      if (seen.insert(one).second) joined += one;
      at = end + kEnd.size();
    }
  }
  return joined;
}

}  // namespace tributary

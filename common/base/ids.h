// SPDX-License-Identifier: Apache-2.0
// Strong types for what would otherwise be bare strings and integers that can be swapped. Plain
// values, any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

namespace tributary {

// A string that means one thing only. Ordered, so that decisions iterate in name order and never in
// hash order.
template <typename Tag>
struct NamedId {
  std::string value;

  auto operator<=>(const NamedId&) const = default;
  bool empty() const { return value.empty(); }
};

template <typename Tag>
std::ostream& operator<<(std::ostream& out, const NamedId<Tag>& id) {
  return out << id.value;
}

using SiteName = NamedId<struct SiteNameTag>;  // the name in the site's certificate: its identity
using JobId = NamedId<struct JobIdTag>;        // NAME-xxxxxxxx, made by the coordinator at submit

// Rounds count from 1; 0 is the preparation (schema, statistics, initial model) that precedes them.
using RoundNumber = std::uint32_t;
// Tries of one round count from 1.
using AttemptNumber = std::uint32_t;

// Letters, digits, '.', '_', '-'; 1 to 64 characters, starting with a letter or digit: safe in file
// names and logs.
bool is_valid_name(std::string_view name);

}  // namespace tributary

template <typename Tag>
struct std::hash<tributary::NamedId<Tag>> {
  std::size_t operator()(const tributary::NamedId<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.value);
  }
};

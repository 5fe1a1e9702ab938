// SPDX-License-Identifier: Apache-2.0
// A plug-in by name with its options, as files write it down. Plain values, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace tributary {

using OptionValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                                 std::vector<double>, std::vector<std::string>>;
using OptionMap = std::map<std::string, OptionValue>;

// A plug-in by name with the options its schema allows; defaults are filled in by the parser.
struct PluginChoice {
  std::string name;
  OptionMap options;
  bool operator==(const PluginChoice&) const = default;
};

}  // namespace tributary

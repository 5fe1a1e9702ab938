// SPDX-License-Identifier: Apache-2.0
// A plug-in as a job file would choose it: with the catalogue's defaults for what is not said.
#pragma once

#include <algorithm>
#include <string>

#include "common/base/assert.h"
#include "common/config/catalog.h"

namespace tributary {

// Of the catalogue's plug-in, also where it has no default.
inline bool has_option(const std::vector<PluginSchema>& known, const std::string& name,
                       const std::string& option) {
  const auto schema = std::ranges::find(known, name, &PluginSchema::name);
  return schema != known.end() &&
         std::ranges::find(schema->options, option, &OptionSchema::name) != schema->options.end();
}

inline PluginChoice choose(const std::vector<PluginSchema>& known, const std::string& name,
                           OptionMap options = {}) {
  const auto schema = std::ranges::find(known, name, &PluginSchema::name);
  TRIB_ASSERT(schema != known.end(), "the catalogue has no such plug-in");
  for (const OptionSchema& option : schema->options) {
    if (option.fallback) options.try_emplace(option.name, *option.fallback);
  }
  return {name, std::move(options)};
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Reads plug-in options by name with a default. The job parser has checked names, types and ranges
// against common/config's catalogue, whose defaults are repeated here; an option of another type is
// a fault of ours and stops the process. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/assert.h"
#include "common/domain/job_spec.h"

namespace tributary {

template <typename T>
T option(const OptionMap& options, const std::string& name, T fallback) {
  const auto found = options.find(name);
  if (found == options.end()) return fallback;
  const T* value = std::get_if<T>(&found->second);
  TRIB_ASSERT(value != nullptr, "an option has another type than the catalogue says");
  return *value;
}

inline std::string text_option(const OptionMap& options, const std::string& name,
                               const char* fallback) {
  return option<std::string>(options, name, fallback);
}

inline std::int64_t integer_option(const OptionMap& options, const std::string& name,
                                   std::int64_t fallback) {
  return option<std::int64_t>(options, name, fallback);
}

// YAML writes 1 as well as 1.0 for a number.
inline double number_option(const OptionMap& options, const std::string& name, double fallback) {
  const auto found = options.find(name);
  if (found != options.end() && std::holds_alternative<std::int64_t>(found->second)) {
    return static_cast<double>(std::get<std::int64_t>(found->second));
  }
  return option<double>(options, name, fallback);
}

inline bool flag_option(const OptionMap& options, const std::string& name, bool fallback) {
  return option<bool>(options, name, fallback);
}

inline std::vector<std::int64_t> integers_option(const OptionMap& options, const std::string& name,
                                                 std::vector<std::int64_t> fallback) {
  return option<std::vector<std::int64_t>>(options, name, std::move(fallback));
}

}  // namespace tributary

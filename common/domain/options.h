// SPDX-License-Identifier: Apache-2.0
// Reads plug-in options by name. Whoever parsed the file has checked names, types and ranges
// against common/config's catalogue and filled in its defaults; an option that is missing or of
// another type is a fault of ours and stops the process. Any thread.
#pragma once

#include <string>

#include "common/base/assert.h"
#include "common/domain/job_spec.h"

namespace tributary {

template <typename T>
const T& option(const OptionMap& options, const std::string& name) {
  const auto found = options.find(name);
  const T* value = found == options.end() ? nullptr : std::get_if<T>(&found->second);
  TRIB_ASSERT(value != nullptr, "a plug-in's option is not what the catalogue says");
  return *value;
}

}  // namespace tributary

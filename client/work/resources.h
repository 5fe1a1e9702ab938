// SPDX-License-Identifier: Apache-2.0
// Whether a site has the memory and disk that a training of a model takes. Plain functions, any
// thread.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace tributary {

struct Resources {
  std::uint64_t memory_bytes = 0;  // that a process can have without swapping
  std::uint64_t disk_bytes = 0;    // free where the site keeps its state
};

// Of this machine now. What cannot be found out counts as enough: only a shortage that is known
// keeps a site from its work.
Resources free_resources(const std::string& directory);

// kResourceExhausted with what is short for a model of so many bytes; figures are for people.
Status enough_for(const Resources& free, std::uint64_t model_bytes);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// JSON (RFC 8259) of which one reading only is possible: whoever signs, checks and reads a text
// must mean the same by it. Refuses a key that stands twice in an object, deep nesting, and what
// is not UTF-8. Plain function, any thread. For this room and those that read what it has verified.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/base/result.h"

namespace tributary {

// An object; kInvalidArgument where the text is none. Errors quote nothing of it. No exception
// comes out of it, also for numbers that no double holds.
Result<nlohmann::json> parse_strict_object(std::string_view text, std::size_t bytes_max);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Numbers for people: six digits, and no more than are needed. Plain function, any thread.
#pragma once

#include <cstdio>
#include <string>

namespace tributary {

inline std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

}  // namespace tributary

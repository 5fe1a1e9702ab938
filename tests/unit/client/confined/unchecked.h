// SPDX-License-Identifier: Apache-2.0
// A confined process that loads and runs a module without having looked at its operators.
#pragma once

#include <string_view>

namespace tributary {

inline constexpr std::string_view kUncheckedCommand = "--unchecked";
int serve_unchecked();

}  // namespace tributary

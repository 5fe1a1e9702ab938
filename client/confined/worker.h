// SPDX-License-Identifier: Apache-2.0
// The child's side: takes one order, confines itself, computes, answers. It is the whole life of a
// process, from main() on.
#pragma once

#include <string_view>

namespace tributary {

// The only argument of a program that is started as such a child.
inline constexpr std::string_view kConfinedCommand = "compute-confined";

// The exit status.
int serve_confined();

}  // namespace tributary

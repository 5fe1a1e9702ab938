// SPDX-License-Identifier: Apache-2.0
// What code that comes with a job may be made of. Plain function, any thread. No Torch here: the
// list is to be read by people who are no programmers of Torch's insides.
#pragma once

#include <string_view>

namespace tributary {

// `name` as in "aten::relu". What nobody has put on the list is not on it.
bool is_allowed_operator(std::string_view name);

}  // namespace tributary

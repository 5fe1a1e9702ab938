// SPDX-License-Identifier: Apache-2.0
// Lists of words for people. Plain function, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tributary {

std::string joined(const std::vector<std::string>& words, std::string_view separator);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/base/words.h"

namespace tributary {

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (&word != &words.front()) text += separator;
    text += word;
  }
  return text;
}

}  // namespace tributary

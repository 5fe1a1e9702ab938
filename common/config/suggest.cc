// SPDX-License-Identifier: Apache-2.0
#include "common/config/suggest.h"

#include <algorithm>

#include "common/base/text.h"

namespace tributary {
namespace {

// Longer words are no misspelling of ours, and the table below grows with the square.
constexpr std::size_t kWordMax = 64;
constexpr std::size_t kListedMax = 30;

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({change, cost[i - 1][j] + 1, cost[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

std::optional<std::string> nearest_word(std::string_view word,
                                        const std::vector<std::string>& known) {
  const std::string* nearest = nullptr;
  std::size_t distance = 0;
  for (const std::string& candidate : known) {
    if (word.size() > kWordMax) break;
    const std::size_t here = edit_distance(word, candidate);
    if (nearest == nullptr || here < distance) {
      nearest = &candidate;
      distance = here;
    }
  }
  // 'lernrate' is 5 edits from 'learning_rate': near enough is up to two fifths of the longer word.
  if (nearest != nullptr && distance * 5 <= std::max(word.size(), nearest->size()) * 2) {
    return *nearest;
  }
  return std::nullopt;
}

std::string suggest(std::string_view word, const std::vector<std::string>& known) {
  if (known.empty()) return "";
  if (const auto nearest = nearest_word(word, known)) {
    return " (did you mean " + quoted(*nearest) + "?)";
  }
  std::string list = "; known here: ";
  for (std::size_t i = 0; i < known.size() && i < kListedMax; ++i) {
    list += (i == 0 ? "" : ", ") + (known[i].empty() ? "''" : escaped(known[i]));
  }
  return list + (known.size() > kListedMax ? ", ..." : "");
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the known word nearest to a misspelt one. Plain functions, any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tributary {

// Insertions, deletions, substitutions and swaps of neighbours between two words (optimal string
// alignment).
std::size_t edit_distance(std::string_view a, std::string_view b);

// The known word that a misspelt one was probably meant to be.
std::optional<std::string> nearest_word(std::string_view word,
                                        const std::vector<std::string>& known);

// " (did you mean 'learning_rate'?)" where a known word is near, else "; known here: a, b, c".
std::string suggest(std::string_view word, const std::vector<std::string>& known);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// What BLEU counts of written texts (Papineni et al. 2002), each beside one reference. Plain
// functions, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tributary {

// The ids in front of the end of a text, of its padding, or of a label that does not count (-1).
std::span<const std::int64_t> words_of(std::span<const std::int64_t> ids);

// Adds one text to `ngrams`, as EvaluationCounts has them: n-grams of the reference count no more
// often than they are in it.
void count_ngrams(std::span<const std::int64_t> written, std::span<const std::int64_t> reference,
                  std::vector<std::uint64_t>& ngrams);

}  // namespace tributary

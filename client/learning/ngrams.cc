// SPDX-License-Identifier: Apache-2.0
#include "client/learning/ngrams.h"

#include <algorithm>
#include <map>

#include "common/base/assert.h"
#include "common/domain/evaluation.h"

namespace tributary {
namespace {

constexpr std::size_t kLongest = 4;
constexpr std::int64_t kPadding = 0, kEnd = 2;

std::map<std::vector<std::int64_t>, std::uint64_t> grams_of(std::span<const std::int64_t> text,
                                                            std::size_t n) {
  std::map<std::vector<std::int64_t>, std::uint64_t> grams;
  for (std::size_t i = 0; i + n <= text.size(); ++i) {
    const auto gram = text.subspan(i, n);
    ++grams[{gram.begin(), gram.end()}];
  }
  return grams;
}

}  // namespace

std::span<const std::int64_t> words_of(std::span<const std::int64_t> ids) {
  const auto end = std::ranges::find_if(
      ids, [](std::int64_t id) { return id < 0 || id == kPadding || id == kEnd; });
  return ids.first(static_cast<std::size_t>(end - ids.begin()));
}

void count_ngrams(std::span<const std::int64_t> written, std::span<const std::int64_t> reference,
                  std::vector<std::uint64_t>& ngrams) {
  TRIB_ASSERT(ngrams.size() == kNgramCounts, "counts of n-grams");
  for (std::size_t n = 1; n <= kLongest; ++n) {
    const auto known = grams_of(reference, n);
    for (const auto& [gram, count] : grams_of(written, n)) {
      const auto found = known.find(gram);
      if (found != known.end()) ngrams[n - 1] += std::min(count, found->second);
      ngrams[kLongest + n - 1] += count;
    }
  }
  ngrams[2 * kLongest] += written.size();
  ngrams[2 * kLongest + 1] += reference.size();
}

}  // namespace tributary

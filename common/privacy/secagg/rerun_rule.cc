// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/rerun_rule.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>

#include "common/base/assert.h"

namespace tributary {
namespace {

std::size_t difference(const std::vector<SiteName>& one, const std::vector<SiteName>& other) {
  std::vector<SiteName> in_one_only;
  std::ranges::set_symmetric_difference(one, other, std::back_inserter(in_one_only));
  return in_one_only.size();
}

// Of the first few: it is for an operator's eyes.
std::string names_of_difference(const std::vector<SiteName>& one,
                                const std::vector<SiteName>& other) {
  constexpr std::size_t kShown = 5;
  std::vector<SiteName> apart;
  std::ranges::set_symmetric_difference(one, other, std::back_inserter(apart));
  std::string text;
  for (std::size_t i = 0; i < std::min(apart.size(), kShown); ++i)
    text += (i > 0 ? ", " : "") + apart[i].value;
  return apart.size() > kShown ? text + " and others" : text;
}

std::size_t together(const std::vector<SiteName>& one, const std::vector<SiteName>& other) {
  std::vector<SiteName> in_any;
  std::ranges::set_union(one, other, std::back_inserter(in_any));
  return in_any.size();
}

// Whether an honest site has to be in both quorums: it has signed the survivors of one, and then
// refuses those of the other unless they are far enough apart.
bool share_an_honest_signer(const PastSum& one, const PastSum& other) {
  return one.quorum + other.quorum >
         together(one.sharing, other.sharing) + std::max(one.adversaries, other.adversaries);
}

}  // namespace

bool is_again(const PastSum& one, const PastSum& other) {
  const bool same_round = one.key.job == other.key.job && one.key.round == other.key.round;
  return one.key.kind == other.key.kind && (one.model == other.model || same_round);
}

std::optional<SumAborted> fault_of_rerun(const std::vector<PastSum>& past, const PastSum& next,
                                         std::size_t least) {
  TRIB_ASSERT(next.survivors.has_value(), "whose survivors are known");
  std::set<std::vector<SiteName>> sets = {*next.survivors};
  std::size_t sums = 0;
  for (const PastSum& one : past) {
    if (!is_again(one, next)) continue;
    ++sums;
    if (!one.survivors) {
      if (share_an_honest_signer(one, next)) continue;
      return SumAborted{SumAbortReason::kModelAgain,
                        "this site gave its input to a sum on the same model whose survivors it "
                        "never learned, among other sites"};
    }
    sets.insert(*one.survivors);
    const std::size_t apart = difference(*one.survivors, *next.survivors);
    if (apart == 0 || apart >= least) continue;
    return SumAborted{SumAbortReason::kModelAgain,
                      "it differs by " + std::to_string(apart) + " sites (" +
                          names_of_difference(*one.survivors, *next.survivors) +
                          ") from the sum of " + to_string(one.key) +
                          " on the same model, and would tell theirs: bring those back, or "
                          "submit the job with another seed"};
  }
  if (sets.size() <= kSetsOnAModelMax && sums <= kSumsOnAModelMax) return std::nullopt;
  return SumAborted{SumAbortReason::kModelAgain,
                    std::to_string(sums) + " sums on the same model have been made before"};
}

}  // namespace tributary

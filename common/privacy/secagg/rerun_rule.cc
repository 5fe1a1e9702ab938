// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/rerun_rule.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "common/base/assert.h"

namespace tributary {
namespace {

std::size_t difference(const std::vector<SiteName>& one, const std::vector<SiteName>& other) {
  std::vector<SiteName> in_one_only;
  std::ranges::set_symmetric_difference(one, other, std::back_inserter(in_one_only));
  return in_one_only.size();
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

std::optional<SumAborted> fault_of_rerun(const std::vector<PastSum>& past, const PastSum& next,
                                         std::size_t least) {
  TRIB_ASSERT(next.survivors.has_value(), "whose survivors are known");
  for (const PastSum& one : past) {
    if (one.kind != next.kind || one.model != next.model) continue;
    if (!one.survivors) {
      if (share_an_honest_signer(one, next)) continue;
      return SumAborted{SumAbortReason::kModelAgain,
                        "this site gave its input to a sum on the same model whose survivors it "
                        "never learned, among other sites"};
    }
    const std::size_t apart = difference(*one.survivors, *next.survivors);
    if (apart == 0 || apart >= least) continue;
    return SumAborted{SumAbortReason::kModelAgain,
                      "it differs by " + std::to_string(apart) +
                          " sites from an earlier sum on the same model, and would tell theirs"};
  }
  return std::nullopt;
}

}  // namespace tributary

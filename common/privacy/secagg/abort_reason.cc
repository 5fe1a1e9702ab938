// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/abort_reason.h"

#include <array>

namespace tributary {

std::string_view abort_name(SumAbortReason reason) {
  constexpr std::array<std::string_view, 23> kNames = {"roster_too_small",
                                                       "roster_too_risky",
                                                       "roster_not_mine",
                                                       "roster_repeats",
                                                       "roster_unsigned",
                                                       "roster_other_sum",
                                                       "two_rosters",
                                                       "shares_too_few",
                                                       "share_unreadable",
                                                       "two_share_sets",
                                                       "survivors_not_sharing",
                                                       "survivors_without_me",
                                                       "survivors_too_few",
                                                       "survivors_cut_off",
                                                       "two_survivor_sets",
                                                       "model_again",
                                                       "clip_refused",
                                                       "no_noise",
                                                       "budget_spent",
                                                       "agreements_too_few",
                                                       "agreement_forged",
                                                       "out_of_order",
                                                       "malformed"};
  static_assert(kNames.size() == static_cast<std::size_t>(SumAbortReason::kMalformed) + 1);
  return kNames.at(static_cast<std::size_t>(reason));
}

}  // namespace tributary

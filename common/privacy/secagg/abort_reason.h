// SPDX-License-Identifier: Apache-2.0
// Why a site leaves a secure sum, or the coordinator gives one up. The names are stable: they stand
// on the wire, in logs and in audit records. Plain values, any thread.
#pragma once

#include <string>
#include <string_view>

namespace tributary {

enum class SumAbortReason {
  // --- the roster ---
  kRosterTooSmall,  // fewer sites than the policy or the job wants in a sum
  kRosterTooRisky,  // so many may lie or go away that no threshold holds
  kRosterNotMine,   // this site is not in it as it said it was
  kRosterRepeats,   // a site or a key stands in it twice, or names are not in order
  kRosterUnsigned,  // a member's certificate or signature does not hold
  kRosterOtherSum,  // a member is in it for another model, plan, round or attempt
  kTwoRosters,      // another roster than before
  // --- the shares ---
  kSharesTooFew,     // not enough neighbours shared their secrets
  kShareUnreadable,  // a share was not sealed by the neighbour that it names
  kTwoShareSets,     // other shares than before
  // --- the survivors ---
  kSurvivorsNotSharing,  // a survivor never shared its secrets, or that set has changed
  kSurvivorsWithoutMe,   // this site's input is left out
  kSurvivorsTooFew,      // fewer than the job or the policy wants, or than may have gone away
  kSurvivorsCutOff,      // some could be told apart from the others in the sharing graph
  kTwoSurvivorSets,      // another set than the one that this site has signed
  kModelAgain,           // the sum differs too little from an earlier one on the same model
  // --- the noise of sites ---
  kClipRefused,  // the round's clip is not what the job says, or none at all
  kNoNoise,      // among so many sites no noise fits the numbers, or none of it may be honest
  kBudgetSpent,  // one more sum would cost this site more than the job's max_epsilon
  // --- the agreements ---
  kAgreementsTooFew,  // not the quorum that no second set can have too
  kAgreementForged,   // a signature is not that member's over the same sets
  // --- any time ---
  kOutOfOrder,  // a message that is not due
  kMalformed,
};

std::string_view abort_name(SumAbortReason reason);  // "roster_too_small"

struct SumAborted {
  SumAbortReason reason = SumAbortReason::kOutOfOrder;
  std::string detail;
};

}  // namespace tributary

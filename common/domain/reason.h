// SPDX-License-Identifier: Apache-2.0
// Reason: why a site's part in a round ended as it did. Every client gets one in every round; the
// names are stable and stand in logs, on the wire and in the state store. Plain values, any thread.
#pragma once

#include <string_view>

namespace tributary {

enum class Reason {
  kPending,           // no answer yet
  kAccepted,          // the result is in
  kNotSelected,       // was there, was not drawn
  kDeclined,          // the site is busy
  kDatasetMissing,    // the site has no such dataset
  kDataInvalid,       // the site's file does not fit the job's schema
  kModelInvalid,      // the site cannot build or load the model
  kTrainingFailed,    // the site tried and failed
  kNotFinite,         // NaN or infinity in the update or its figures
  kWrongShape,        // the update's layout is not the model's
  kOutOfBounds,       // a coordinate beyond the job's bound, or an impossible example count
  kWrongDigest,       // the bytes are not those that were announced
  kMalformed,         // the update could not be read
  kStale,             // for another round or attempt
  kDisconnected,      // the link went down and did not come back in time
  kDeadline,          // no result by the deadline
  kUploadFailed,      // the upload did not finish by the deadline
  kNotNeeded,         // the round closed without it
  kAborted,           // the job was aborted
  kStorageFailed,     // one side could not store it (disk full)
  kLate,              // not done when the round closed; its update may count in a later one
  kResourcesShort,    // the site has too little memory or disk for the job
  kPolicyDenied,      // the site's own policy does not let the job run there
  kBarred,            // operators keep the site out
  kPolicyPending,     // ... not yet: the site is asked again in a while
  kSignatureInvalid,  // the job is not signed by anybody whom the site can trust
  kBudgetSpent,       // no privacy budget is left for it
  kSecureSumFailed,   // the sum that nobody may see the parts of could not be had
};

std::string_view reason_name(Reason reason);  // "wrong_shape"
// The site as it is cannot do the job; asking it again at once would give the same answer.
bool makes_unfit(Reason reason);

}  // namespace tributary

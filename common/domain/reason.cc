// SPDX-License-Identifier: Apache-2.0
#include "common/domain/reason.h"

#include <array>
#include <utility>

namespace tributary {
namespace {

constexpr std::array<std::pair<Reason, std::string_view>, 28> kNames{{
    {Reason::kPending, "pending"},
    {Reason::kAccepted, "accepted"},
    {Reason::kNotSelected, "not_selected"},
    {Reason::kDeclined, "declined"},
    {Reason::kDatasetMissing, "dataset_missing"},
    {Reason::kDataInvalid, "data_invalid"},
    {Reason::kModelInvalid, "model_invalid"},
    {Reason::kTrainingFailed, "training_failed"},
    {Reason::kNotFinite, "not_finite"},
    {Reason::kWrongShape, "wrong_shape"},
    {Reason::kOutOfBounds, "out_of_bounds"},
    {Reason::kWrongDigest, "wrong_digest"},
    {Reason::kMalformed, "malformed"},
    {Reason::kStale, "stale"},
    {Reason::kDisconnected, "disconnected"},
    {Reason::kDeadline, "deadline"},
    {Reason::kUploadFailed, "upload_failed"},
    {Reason::kNotNeeded, "not_needed"},
    {Reason::kAborted, "aborted"},
    {Reason::kStorageFailed, "storage_failed"},
    {Reason::kLate, "late"},
    {Reason::kResourcesShort, "resources_short"},
    {Reason::kPolicyDenied, "policy_denied"},
    {Reason::kBarred, "barred"},
    {Reason::kPolicyPending, "policy_pending"},
    {Reason::kSignatureInvalid, "signature_invalid"},
    {Reason::kBudgetSpent, "budget_spent"},
    {Reason::kSecureSumFailed, "secure_sum_failed"},
}};

}  // namespace

std::string_view reason_name(Reason reason) {
  for (const auto& [value, name] : kNames) {
    if (value == reason) return name;
  }
  return "unknown";
}

bool makes_unfit(Reason reason) {
  return reason == Reason::kDatasetMissing || reason == Reason::kDataInvalid ||
         reason == Reason::kModelInvalid || reason == Reason::kPolicyDenied ||
         reason == Reason::kSignatureInvalid || reason == Reason::kBudgetSpent;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/privacy_budget.h"

#include <cstdio>

#include "coordinator/round/pass.h"

namespace tributary {
namespace {

std::string figure(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace

bool budget_is_spent(const JobRecord& record, const JobSpec& spec) {
  return record.spent && spec.privacy.sites &&
         record.spent->with_next > spec.privacy.sites->max_epsilon;
}

std::string why_budget_is_spent(const JobRecord& record, const JobSpec& spec) {
  const SitePrivacy& promise = *spec.privacy.sites;
  return "the budget privacy.sites.max_epsilon " + figure(promise.max_epsilon) +
         " is spent: epsilon " + figure(record.spent->epsilon) + " at delta " +
         figure(promise.delta) + " with round " + std::to_string(record.round) +
         ", one more round would make it " + figure(record.spent->with_next);
}

double clip_of(const JobRecord& record) { return record.spent ? record.spent->clip : 0.0; }

double clip_for_sites(const JobRecord& record, const JobSpec& spec) {
  return spec.privacy.secure_aggregation ? clip_of(record) : 0.0;
}

SiteSpending spending_of(const JobRecord& record, const JobSpec& spec) {
  const SitePrivacy& promise = *spec.privacy.sites;
  return {spec.data.dataset,   record.id,
          record.round,        promise.noise_multiplier,
          promise.delta,       record.spent->epsilon,
          promise.max_epsilon, rounds_per_pass_of(spec)};
}

}  // namespace tributary

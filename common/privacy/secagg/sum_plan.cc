// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_plan.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/base/assert.h"
#include "common/base/limits.h"
#include "common/base/short_number.h"
#include "common/domain/counted_numbers.h"
#include "common/privacy/noise/adaptive_clip.h"

namespace tributary {
namespace {

const SecureAggregation& secure(const JobSpec& spec) {
  TRIB_ASSERT(spec.privacy.secure_aggregation, "a job with secure aggregation");
  return *spec.privacy.secure_aggregation;
}

std::uint64_t padded(std::uint64_t wide) {
  return (wide + kWideAlignment - 1) / kWideAlignment * kWideAlignment;
}

}  // namespace

SumContext sum_context(const JobSpec& spec, const TaskKey& key, const Digest& document,
                       const Digest& model, std::uint64_t numbers, double clip) {
  const bool hidden = hides_sites(spec, key.kind);
  const bool training = key.kind == TaskKind::kTrain;
  SumContext context;
  context.key = key;
  context.document = document;
  context.model = model;
  context.numbers = training ? numbers : 0;
  context.wide = padded(hidden     ? kNoisySumFigures
                        : training ? kSumFigures
                                   : counted_numbers(spec.data));
  context.bits = secure(spec).bits;
  context.risks = {secure(spec).adversarial, secure(spec).dropout, true};
  if (hidden) context.clip = clip;
  return context;
}

bool hides_sites(const JobSpec& spec, TaskKind kind) {
  return kind == TaskKind::kTrain && summed_secretly(spec, kind) && spec.privacy.sites.has_value();
}

SumCoding sum_coding(const JobSpec& spec, std::uint64_t members) {
  return {secure(spec).bits, secure(spec).clip, secure(spec).range, members};
}

std::size_t least_members(const JobSpec& spec, TaskKind kind, std::uint32_t wanted) {
  if (kind != TaskKind::kTrain) return limits::kSitesOfASumMin;
  const std::uint32_t group = secure(spec).group_size;
  const auto signed_for = static_cast<std::size_t>(least_sites_of(spec.rounds));
  return std::max<std::size_t>(limits::kSitesOfASumMin,
                               group > 0 ? group : std::max<std::size_t>(signed_for, wanted));
}

Result<NoisyCoding> noisy_coding(const JobSpec& spec, std::uint64_t members, std::uint64_t values,
                                 double clip) {
  TRIB_ASSERT(hides_sites(spec, TaskKind::kTrain), "a sum in which sites hide");
  const SitePrivacy& sites = *spec.privacy.sites;
  const SecureAggregation& sums = secure(spec);
  const CohortRisks risks{sums.adversarial, sums.dropout, true};
  const auto all = static_cast<std::uint32_t>(members);
  const std::uint32_t left = fewest_survivors(
      all, risks, static_cast<std::uint32_t>(least_members(spec, TaskKind::kTrain, 0)));
  // Each member knows its own noise: against a curious one, another's has to do.
  const std::uint32_t friends = std::max(1u, adversaries_of(all, risks));
  if (left <= friends) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "of " + std::to_string(all) + " sites " + std::to_string(left) +
                          " may be left, and " + std::to_string(friends) +
                          " may work with the coordinator: whose noise would hide anybody?");
  }
  SumNoise noise{
      sums.bits,      clip,  clip * sums.range / sums.clip, sites.noise_multiplier, 0.0, all,
      left - friends, values};
  if (sites.adaptive) {
    noise.multiplier = multiplier_beside_count(sites.noise_multiplier, sites.adaptive->count_noise);
    noise.count_deviation = deviation_of_count(sites.adaptive->count_noise);
  }
  return NoisyCoding::make(noise);
}

Status check_clip(const JobSpec& spec, double clip) {
  const SitePrivacy& sites = *spec.privacy.sites;
  const bool possible = std::isfinite(clip) && clip > 0.0;
  if (possible && sites.adaptive && clip >= kAdaptiveClipMin && clip <= kAdaptiveClipMax) return {};
  if (possible && !sites.adaptive && clip == sites.clip) return {};
  return make_error(ErrorCode::kFailedPrecondition,
                    "the round's clip is " + short_number(clip) + ", and the job's " +
                        (sites.adaptive ? "can never be that" : short_number(sites.clip)));
}

SumWeight sum_weight(const JobSpec& spec, std::uint64_t examples) {
  const std::uint64_t cap = spec.aggregation.example_cap;
  const std::uint64_t weight = std::min(examples, cap);
  return {weight, static_cast<double>(weight) / static_cast<double>(cap)};
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_plan.h"

#include <algorithm>

#include "common/base/assert.h"
#include "common/domain/counted_numbers.h"

namespace tributary {
namespace {

constexpr std::size_t kLeastMembers = 3;

const SecureAggregation& secure(const JobSpec& spec) {
  TRIB_ASSERT(spec.privacy.secure_aggregation, "a job with secure aggregation");
  return *spec.privacy.secure_aggregation;
}

std::uint64_t padded(std::uint64_t wide) {
  return (wide + kWideAlignment - 1) / kWideAlignment * kWideAlignment;
}

}  // namespace

SumContext sum_context(const JobSpec& spec, const TaskKey& key, const Digest& document,
                       const Digest& model, std::uint64_t numbers) {
  const bool training = key.kind == TaskKind::kTrain;
  SumContext context;
  context.key = key;
  context.document = document;
  context.model = model;
  context.numbers = training ? numbers : 0;
  context.wide = padded(training ? kSumFigures : counted_numbers(spec.data));
  context.bits = secure(spec).bits;
  context.risks = {secure(spec).adversarial, secure(spec).dropout, true};
  return context;
}

SumCoding sum_coding(const JobSpec& spec, std::uint64_t members) {
  return {secure(spec).bits, secure(spec).clip, secure(spec).range, members};
}

std::size_t least_members(const JobSpec& spec, const TaskKey& key, std::uint32_t wanted) {
  if (key.kind != TaskKind::kTrain) return kLeastMembers;
  const std::uint32_t group = secure(spec).group_size;
  const auto signed_for = static_cast<std::size_t>(least_sites_of(spec.rounds));
  return std::max<std::size_t>(kLeastMembers,
                               group > 0 ? group : std::max<std::size_t>(signed_for, wanted));
}

SumWeight sum_weight(const JobSpec& spec, std::uint64_t examples) {
  const std::uint64_t cap = spec.aggregation.example_cap;
  const std::uint64_t weight = std::min(examples, cap);
  return {weight, static_cast<double>(weight) / static_cast<double>(cap)};
}

}  // namespace tributary

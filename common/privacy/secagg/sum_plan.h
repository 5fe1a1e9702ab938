// SPDX-License-Identifier: Apache-2.0
// What a job's file says of its secure sums, as both sides take it. Plain functions, any thread.
#pragma once

#include <cstdint>

#include "common/domain/job_spec.h"
#include "common/privacy/secagg/noisy_input.h"
#include "common/privacy/secagg/sum_context.h"
#include "common/privacy/secagg/sum_input.h"

namespace tributary {

// What the sum is about that belongs to a training or an evaluation of a job that has
// privacy.secure_aggregation. `numbers`: values of the model; none of them are in an evaluation.
// `clip`: of the round, which counts where sites are hidden.
SumContext sum_context(const JobSpec& spec, const TaskKey& key, const Digest& document,
                       const Digest& model, std::uint64_t numbers, double clip = 0.0);

// Whether each site's noise hides it in the sums of a job's trainings: privacy.sites beside
// privacy.secure_aggregation.
bool hides_sites(const JobSpec& spec, TaskKind kind);

SumCoding sum_coding(const JobSpec& spec, std::uint64_t members);

// Of how many sites a sum is made at least that is to be seen: three, what the job says, and what
// its operators do (`wanted`), if that is more; of its group's size where the job has groups.
std::size_t least_members(const JobSpec& spec, TaskKind kind, std::uint32_t wanted);

// Of a training with the round's clip, where sites are hidden: the same for all members. The range
// follows the clip. As many count as honest as the members' own checks leave at least.
// kFailedPrecondition: all that are left may be the coordinator's. Errors of NoisyCoding::make.
Result<NoisyCoding> noisy_coding(const JobSpec& spec, std::uint64_t members, std::uint64_t values,
                                 double clip);
// Whether the coordinator may say it: that of the job, or any where it is adaptive.
// kFailedPrecondition: why not.
Status check_clip(const JobSpec& spec, double clip);

// A site's part of the weighted mean: its rows of the most that count.
struct SumWeight {
  std::uint64_t weight = 0;
  double share = 0.0;  // of 1
};
SumWeight sum_weight(const JobSpec& spec, std::uint64_t examples);

}  // namespace tributary

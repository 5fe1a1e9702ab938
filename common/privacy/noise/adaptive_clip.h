// SPDX-License-Identifier: Apache-2.0
// The clip that follows a quantile of the norms (Andrew et al. 2021, arXiv 1905.03871), as whoever
// adds the noise has it: the coordinator, or each site its part. An update within the clip counts
// 1, a longer one -1, which is twice what the paper adds and a whole number: so the noise on the
// count is twice `count_noise`. Plain functions, any thread.
#pragma once

namespace tributary {

// Of a round, whatever the noise on the count said.
inline constexpr double kAdaptiveClipMin = 1e-9, kAdaptiveClipMax = 1e9;

// Standard deviation of the noise on the count of 1 and -1.
double deviation_of_count(double count_noise);

// The noise multiplier that is left for the sum of updates where both together are to cost what
// `noise_multiplier` does: more than it. Infinite where the count alone costs more than all.
double multiplier_beside_count(double noise_multiplier, double count_noise);

// `counted`: the noisy count, of `sites` that were expected.
double next_adaptive_clip(double clip, double counted, double sites, double quantile, double rate);

}  // namespace tributary

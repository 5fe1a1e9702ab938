// SPDX-License-Identifier: Apache-2.0
// FedAvg (McMahan et al. 2017): the mean of the updates, weighted by examples, each site counting
// at most the cap.
#include <algorithm>

#include "coordinator/aggregation/rule.h"

namespace tributary {

const AggregationRule& weighted_mean_rule() {
  static constexpr AggregationRule kRule{
      "weighted_mean", "Mean of the updates, weighted by training rows up to example_cap",
      StreamedRule{[](const AggregationSpec& spec, std::uint64_t examples) {
        return std::clamp<std::uint64_t>(examples, 1, spec.example_cap);
      }}};
  return kRule;
}

}  // namespace tributary

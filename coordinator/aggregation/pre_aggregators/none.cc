// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/pre_aggregator.h"

namespace tributary {

const PreAggregator& none_pre_aggregator() {
  static constexpr PreAggregator kNone{
      "none", "The rule sees the updates as they came", false,
      [](const OptionMap&) { return std::size_t{1}; },
      [](const OptionMap&, const RowFacts&, std::uint64_t) { return Matrix(); }};
  return kNone;
}

}  // namespace tributary

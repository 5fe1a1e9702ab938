// SPDX-License-Identifier: Apache-2.0
// RoundAggregate: one round's updates folded into one exact sum, then the next global model.
// Memory: one int64 per weight, whatever the number of sites. Owned by the job's worker, one thread
// at a time. Updates were checked before.
#pragma once

#include <memory>
#include <optional>

#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/tensor/layout.h"
#include "coordinator/aggregation/exact_sum.h"
#include "coordinator/aggregation/rule.h"

namespace tributary {

struct AggregateOutcome {
  Model model;
  std::optional<Model> optimizer_state;  // where the server optimiser has one
  double update_norm = 0.0;              // L2 of the mean update
  std::uint64_t examples = 0;            // of all updates, without the cap
};

class RoundAggregate {
 public:
  // `updates_max`: sites that may be in the round.
  static Result<std::unique_ptr<RoundAggregate>> open(const AggregationSpec& spec,
                                                      const Layout& layout,
                                                      std::uint64_t updates_max);

  // `share` of kFullShare: how much a late update counts.
  void add(const Model& update, std::uint64_t examples, std::uint32_t share = kFullShare);
  std::uint64_t updates() const { return sum_.terms(); }
  // Can be called again. `state` is that of the round before; none before the first.
  Result<AggregateOutcome> finish(const Model& base, const std::optional<Model>& state) const;

 private:
  RoundAggregate(AggregationSpec spec, const AggregationRule& rule, ExactSum sum)
      : spec_(std::move(spec)), rule_(rule), sum_(std::move(sum)) {}

  AggregationSpec spec_;
  const AggregationRule& rule_;
  ExactSum sum_;
  std::uint64_t examples_ = 0;
};

}  // namespace tributary

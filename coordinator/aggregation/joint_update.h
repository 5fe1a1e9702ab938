// SPDX-License-Identifier: Apache-2.0
// JointUpdate: what a rule that sees all updates together makes of them, block by block: decided
// from the facts and, where the rule or the pre-aggregator wants them, the dot products (one pass
// over all updates), then read in a second pass. Holds a block of each update and a matrix of the
// cohort squared. One thread at a time; the updates outlive it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "common/domain/job_spec.h"
#include "coordinator/aggregation/pre_aggregator.h"
#include "coordinator/aggregation/rule.h"
#include "coordinator/aggregation/update_set.h"

namespace tributary {

// A rule that does not stream, and what goes before it.
struct JointRule {
  const AggregationRule& rule;
  const PreAggregator& before;
};

class JointUpdate {
 public:
  // kInvalidArgument: the rule is not defined for so few updates; the text names the numbers. Other
  // errors are those of the updates' files. `seed`: of this round.
  static Result<std::unique_ptr<JointUpdate>> open(const JointRule& joint,
                                                   const AggregationSpec& spec,
                                                   const UpdateSet& updates, const Layout& layout,
                                                   std::uint64_t seed,
                                                   ParallelFor parallel = one_after_another);
  // The next values of the joint update; no more than are left.
  Status next(std::span<double> into);

 private:
  JointUpdate(RowReader reader, Matrix mix, ColumnPlan plan, std::size_t block_size,
              ParallelFor parallel);
  Status next_block(std::span<double> into);
  // Columns of the block from `start` on.
  void join(const RowBlock& updates, std::size_t start, std::span<double> into);
  void mix_rows(const RowBlock& updates, std::size_t start);

  RowReader reader_;  // of the updates that count
  Matrix mix_;        // one column for each of them; empty: the rows are the updates
  ColumnPlan plan_;   // empty join: the sum of mix * updates, one row
  std::size_t block_size_;
  ParallelFor parallel_;
  std::vector<float> rows_;  // a block of each mixed row
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// BatchMaker: rows of a site's examples as the tensors of one batch, in the same memory each time.
// Internal to this room, with Torch types. One owner, one thread. It does not choose the rows.
#pragma once

#include <cstdint>
#include <span>

#include "client/data/example_set.h"
#include "client/learning/objective.h"
#include "common/domain/job_spec.h"

namespace tributary {

class BatchMaker {
 public:
  // `data` outlives it; at most `rows` rows a batch.
  BatchMaker(const JobSpec& job, const ExampleSet& data, std::int64_t rows);

  std::int64_t rows_max() const { return inputs_.size(0); }
  // Rows of a later batch, which may lie on disk: they are fetched while this one is computed.
  void will_need(std::span<const std::uint32_t> rows) const {
    tributary::will_need(data_.inputs, row_floats_, rows);
  }
  // Valid until the next call.
  Batch make(std::span<const std::uint32_t> rows);

 private:
  const ExampleSet& data_;
  TargetKind kind_;
  std::size_t row_floats_;
  std::size_t row_places_;  // labels or targets
  torch::Tensor inputs_;
  torch::Tensor targets_;
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// BatchMaker: rows of a site's examples as the tensors of one batch, changed as the job's
// train.augment says, in the same memory each time. Internal to this room, with Torch types. One
// owner, one thread. It does not choose the rows.
#pragma once

#include <cstdint>
#include <span>

#include "client/data/augmentation.h"
#include "client/data/example_set.h"
#include "client/learning/objective.h"
#include "common/domain/job_spec.h"

namespace tributary {

// What becomes of rows on their way into a batch.
struct RowTreatment {
  Augmenter augmenter = {};
  bool two_views = false;
};

class BatchMaker {
 public:
  // `data` outlives it; at most `rows` rows a batch.
  BatchMaker(const JobSpec& job, const ExampleSet& data, std::int64_t rows,
             RowTreatment treatment = {});

  std::int64_t rows_max() const { return inputs_.size(0); }
  // Rows of a later batch, which may lie on disk: they are fetched while this one is computed.
  void will_need(std::span<const std::uint32_t> rows) const {
    tributary::will_need(data_.inputs, row_floats_, rows);
  }
  // Valid until the next call. `place`: rows of the training before these.
  Batch make(std::span<const std::uint32_t> rows, std::uint64_t place = 0);

 private:
  void copy_inputs(std::span<const std::uint32_t> rows, torch::Tensor& to) const;
  void copy_targets(std::span<const std::uint32_t> rows);
  void change_rows(torch::Tensor& inputs, std::size_t rows, std::uint64_t place,
                   std::uint64_t view);
  void mix_rows(Batch& batch, const Augmenter::Mix& mix);

  const ExampleSet& data_;
  TargetKind kind_;
  std::size_t row_floats_;
  std::size_t row_places_;  // labels or targets
  RowTreatment treatment_;
  torch::Tensor inputs_;
  torch::Tensor second_;  // undefined: one view
  torch::Tensor targets_;
};

}  // namespace tributary

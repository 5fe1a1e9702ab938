// SPDX-License-Identifier: Apache-2.0
// RowGradients: the sum of the gradients of single rows, each no longer than `clip`, as DP-SGD
// takes it (Abadi et al. 2016). Of models that are a list of layers all rows of a chunk at once,
// with a hook for each kind of layer: a dense layer's gradient is an outer product, whose norm is
// known without it (Goodfellow 2015, arXiv 1510.01799), an embedding's is in the vectors of a row's
// own ids, a norm layer's is as small as its weights, a convolution's is made, or its norm known
// from products of its patches (Bu et al. 2022, arXiv 2205.10683). Of others one row after the
// other, each on a copy of the model. Internal to this room, with Torch types. One owner, one
// thread. It adds no noise and knows no budget.
#pragma once

#include "client/learning/torch_model.h"
#include "common/base/random_source.h"

namespace tributary {

class RowGradients {
 public:
  // All outlive it; `random` seeds what the model draws. `class_weights` as training_loss has them.
  RowGradients(TorchModel& model, TargetKind kind, double clip, RandomSource& random,
               torch::Tensor class_weights = {});

  // So many rows a chunk has at most, for the sake of memory. More once a chunk has shown what the
  // layers hold of a row, which is the same for each.
  std::int64_t chunk_rows() const { return chunk_rows_; }
  void clear();
  // One row in front of each; without labels (undefined), a row is its own. A row whose gradient is
  // not finite, or on which the model fails, counts as one without a gradient: whether there is
  // such a row is its own business. kInternal: the model's layers do not make up its weights, each
  // once, so that no norm would be right.
  Status add(const torch::Tensor& inputs, const torch::Tensor& labels);
  // Of each of the model's first `parameters` tensors, in double precision; undefined where it is
  // not trained.
  const std::vector<torch::Tensor>& sums() const { return sums_; }

 private:
  Status check_uses(const std::vector<LayerUse>& uses) const;
  Status add_rows_of(const std::vector<LayerUse>& uses, const torch::Tensor& loss);
  void add_means(const torch::Tensor& inputs);
  Status add_alone(const torch::Tensor& input, const torch::Tensor& target);

  TorchModel& model_;
  TargetKind kind_;
  double clip_;
  RandomSource& random_;
  torch::Tensor class_weights_;
  std::int64_t chunk_rows_ = 1;
  std::vector<torch::Tensor> sums_;
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/learning/best_pass.h"

#include <algorithm>

namespace tributary {

void BestPass::add(double loss, double train_loss, std::uint64_t batches, const TorchModel& model) {
  if (batches_ > 0 && !(loss < loss_)) {
    ++without_gain_;
    return;
  }
  without_gain_ = 0;
  loss_ = loss;
  train_loss_ = train_loss;
  batches_ = batches;
  values_.clear();
  for (const NamedTensor& named : model.tensors) {
    const auto values = values_of(named.tensor);
    values_.insert(values_.end(), values.begin(), values.end());
  }
}

void BestPass::put_back(TorchModel& model) const {
  std::span<const float> from = values_;
  for (const NamedTensor& named : model.tensors) {
    const auto to = values_of(named.tensor);
    TRIB_ASSERT(from.size() >= to.size(), "the best pass was one of this model");
    std::ranges::copy(from.first(to.size()), to.begin());
    from = from.subspan(to.size());
  }
}

void BestPass::save_state(StateWriter& to) const {
  to.number(static_cast<std::uint64_t>(without_gain_));
  to.real(loss_);
  to.real(train_loss_);
  to.number(batches_);
  to.floats(values_);
}

Status BestPass::restore_state(StateReader& from) {
  TRIB_TRY(without_gain, from.number());
  TRIB_TRY(loss, from.real());
  TRIB_TRY(train_loss, from.real());
  TRIB_TRY(batches, from.number());
  TRIB_TRY(values, from.floats());
  without_gain_ = static_cast<std::int64_t>(without_gain);
  loss_ = loss;
  train_loss_ = train_loss;
  batches_ = batches;
  values_ = std::move(values);
  return {};
}

}  // namespace tributary

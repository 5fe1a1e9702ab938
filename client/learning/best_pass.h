// SPDX-License-Identifier: Apache-2.0
// BestPass: remembers the weights of the pass after which a training's validation loss was lowest,
// and says when it has not fallen for long (train.local_stop; Prechelt 1998, "Early Stopping - But
// When?"). Internal to this room, with Torch types. One owner, one thread. It judges nothing
// itself.
#pragma once

#include <cstdint>
#include <vector>

#include "client/learning/torch_model.h"

namespace tributary {

class BestPass {
 public:
  explicit BestPass(std::int64_t patience) : patience_(patience) {}

  // What a pass came to: its loss on the rows that judge, that on those it trained on, and the
  // model behind so many batches. A loss that only ties is no gain.
  void add(double loss, double train_loss, std::uint64_t batches, const TorchModel& model);
  bool over() const { return without_gain_ >= patience_; }
  // The model is as it was behind the best pass. There was one.
  void put_back(TorchModel& model) const;

  double loss() const { return loss_; }
  double train_loss() const { return train_loss_; }
  std::uint64_t batches() const { return batches_; }  // of the best; 0: there was none yet

  void save_state(StateWriter& to) const;
  Status restore_state(StateReader& from);

 private:
  std::int64_t patience_;
  std::int64_t without_gain_ = 0;
  double loss_ = 0.0;
  double train_loss_ = 0.0;
  std::uint64_t batches_ = 0;
  std::vector<float> values_;  // of all tensors, one after the other
};

}  // namespace tributary

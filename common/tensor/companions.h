// SPDX-License-Identifier: Apache-2.0
// Companions: what a client algorithm's files have after the model's own tensors, so that it
// travels with them: in an update a tensor beside each of the model's, or one value; in the model
// that sites are sent a tensor beside each. Both sides derive the layouts here. Constants and plain
// functions, any thread. What the values mean is the algorithm's business.
#pragma once

#include <span>
#include <string_view>

#include "common/base/result.h"
#include "common/tensor/layout.h"

namespace tributary {

// Names; empty: nothing of that kind. The tensor beside "conv1.weight" is NAME/conv1.weight.
struct Companions {
  std::string_view update_tensors;
  std::string_view update_value;
  std::string_view sent_tensors;
};

// None for algorithms that send differences only.
const Companions& companions_of(std::string_view algorithm);

// Of an update of a model with the layout `model`, and of the file in which that model is sent.
Layout update_layout(const Companions& companions, const Layout& model);
Layout sent_layout(const Companions& companions, const Layout& model);

// A file in which a model was sent, as two. kDataLoss: it has another layout.
struct SentModel {
  Model model;
  std::vector<float> along;  // the companions, as many values as the model; empty: there are none
};
Result<SentModel> split_sent(const Companions& companions, Model file);

}  // namespace tributary

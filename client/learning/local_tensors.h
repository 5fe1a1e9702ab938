// SPDX-License-Identifier: Apache-2.0
// Which tensors of a model stay at the site (train.keep_local: FedBN, FedPer), and their way
// between a model and what is kept of it. Plain functions, any thread.
#pragma once

#include <span>
#include <vector>

#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/tensor/layout.h"

namespace tributary {

bool stays_local(const TrainSpec& train, const std::string& tensor);

// kInvalidArgument: a pattern that no tensor has, or no tensor that would travel.
Status check_local(const TrainSpec& train, const Layout& layout);

// The values of the tensors that stay, one tensor after the other; and back into a model. What is
// kept of another model, or nothing, leaves the model as it is.
std::vector<float> take_local(const TrainSpec& train, const Layout& layout,
                              std::span<const float> values);
void put_local(const TrainSpec& train, std::span<const float> kept, Model& model);

}  // namespace tributary

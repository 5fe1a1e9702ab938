// SPDX-License-Identifier: Apache-2.0
// ServerHalf: a plug-in, the part of a client algorithm that works at the server: on a round's
// joint update before the server optimiser sees it, and on what came beside it
// (common/tensor/companions.h). It has the algorithm's name; most algorithms have none. Factories
// are constants, any thread.
#pragma once

#include <span>
#include <string_view>

#include "coordinator/aggregation/server_optimizer.h"

namespace tributary {

// One block of a model: all spans have the same size, but for `beside`, which is empty where no
// tensors came.
struct ServerHalfStep {
  const OptionMap& options;  // of the client algorithm
  // What the sites of the round weigh, of what all sites of the job do: at most 1. It stands for
  // participants / sites where a paper counts all alike.
  double share;
  std::span<const double> beside;            // the mean of the tensors beside the updates'
  double value;                              // the mean of the one value beside the updates
  std::span<double> joint;                   // the mean update, changed in place
  std::span<const std::span<float>> states;  // in the order of `state`, changed in place
};

struct ServerHalf {
  std::string_view name;  // of the client algorithm
  std::string_view help;
  std::span<const StateVector> state;
  // Which state vector sites are sent with the model; empty: none.
  std::string_view sent;
  // Each weight by itself, and by + - * / only, as a server optimiser.
  void (*step)(const ServerHalfStep& step);
};

std::span<const ServerHalf* const> server_half_table();          // generated
const ServerHalf* find_server_half(std::string_view algorithm);  // null: it has none

}  // namespace tributary

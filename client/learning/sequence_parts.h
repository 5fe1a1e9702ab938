// SPDX-License-Identifier: Apache-2.0
// What families for sequences and texts write down alike. Plain functions, any thread. Internal to
// this room; no Torch.
#pragma once

#include <string>

#include "client/learning/layers.h"

namespace tributary {

// The option `vocabulary`: ids are below it; 0: inputs are numbers.
std::int64_t vocabulary_option(const OptionMap& options);

// Inputs are [length] of ids where there is a vocabulary, else [steps, features]; labels are one,
// or one for each place of the input. Of at most limits::kSequenceMax places.
Status check_sequences(const std::string& family, const ModelRequest& request);

struct TransformerParts {
  std::int64_t width = 0;
  std::int64_t heads = 1;
  std::int64_t feedforward = 0;
  double dropout = 0.0;
  bool learned_positions = true;
  bool padded = false;

  static Result<TransformerParts> of(const ModelRequest& request);
  void add_positions(Layers& layers, const std::string& name, std::int64_t places) const;
  // Attention, then dense layers, each behind its norm and beside what came in (Xiong et al. 2020);
  // `cross`: attention to the encoder's places between the two.
  void add_block(Layers& layers, const std::string& name, bool causal, bool cross) const;
};

}  // namespace tributary

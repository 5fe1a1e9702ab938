// SPDX-License-Identifier: Apache-2.0
#include "client/learning/sequence_parts.h"

#include "client/learning/family_parts.h"
#include "common/base/limits.h"
#include "common/domain/options.h"

namespace tributary {

std::int64_t vocabulary_option(const OptionMap& options) {
  return option<std::int64_t>(options, "vocabulary");
}

Status check_sequences(const std::string& family, const ModelRequest& request) {
  const std::vector<std::int64_t>& shape = request.input_shape;
  const bool ids = vocabulary_option(request.options) > 0;
  if (shape.size() != (ids ? 1u : 2u)) {
    return refuse_model(
        "family " + family +
        (ids ? " with a vocabulary needs examples of shape [length], each a row of ids, and these "
               "are "
             : " needs examples of shape [steps, features], and these are ") +
        sizes_text(shape) + "; set data.input_shape" +
        (ids ? ", or leave out vocabulary where inputs are numbers"
             : ", or vocabulary where inputs are ids"));
  }
  if (shape[0] > limits::kSequenceMax) {
    return refuse_model("an example has " + std::to_string(shape[0]) + " places, and family " +
                        family + " takes at most " + std::to_string(limits::kSequenceMax));
  }
  if (request.target == TargetKind::kSegmentation || request.target == TargetKind::kUnlabelled) {
    return refuse_model("family " + family +
                        " is for data.task binary, classes, regression or tokens");
  }
  if (request.target == TargetKind::kTokens && request.target_shape != std::vector{shape[0]}) {
    return refuse_model("family " + family + " gives a token for each place of the input, " +
                        sizes_text({shape[0]}) + ", and data.target_shape is " +
                        sizes_text(request.target_shape));
  }
  return {};
}

Result<TransformerParts> TransformerParts::of(const ModelRequest& request) {
  const OptionMap& options = request.options;
  const TransformerParts parts{option<std::int64_t>(options, "width"),
                               option<std::int64_t>(options, "heads"),
                               option<std::int64_t>(options, "feedforward"),
                               option<double>(options, "dropout"),
                               option<std::string>(options, "positions") == "learned",
                               vocabulary_option(options) > 0};
  if (parts.width % parts.heads == 0) return parts;
  return refuse_model("heads: " + std::to_string(parts.heads) + " does not divide width: " +
                      std::to_string(parts.width) + "; each head works on its share of the width");
}

void TransformerParts::add_positions(Layers& layers, const std::string& name,
                                     std::int64_t places) const {
  layers.emplace_back(PositionsLayer{name, places, width, learned_positions});
  if (dropout > 0.0) layers.emplace_back(DropoutLayer{dropout});
}

void TransformerParts::add_block(Layers& layers, const std::string& name, bool causal,
                                 bool cross) const {
  int norms = 0;
  const auto beside = [&](Layers own) {
    ResidualLayer residual;
    residual.main.emplace_back(LayerNormLayer{name + ".norm" + std::to_string(++norms), width});
    for (Layer& layer : own) residual.main.push_back(std::move(layer));
    if (dropout > 0.0) residual.main.emplace_back(DropoutLayer{dropout});
    layers.emplace_back(std::move(residual));
  };
  beside({AttentionLayer{name + ".self_attn", width, heads, causal, false, padded, dropout}});
  if (cross)
    beside({AttentionLayer{name + ".cross_attn", width, heads, false, true, padded, dropout}});
  Layers dense = {LinearLayer{name + ".linear1", width, feedforward},
                  ActivationLayer{Activation::kGelu}};
  if (dropout > 0.0) dense.emplace_back(DropoutLayer{dropout});
  dense.emplace_back(LinearLayer{name + ".linear2", feedforward, width});
  beside(std::move(dense));
}

}  // namespace tributary

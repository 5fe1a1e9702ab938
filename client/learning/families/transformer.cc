// SPDX-License-Identifier: Apache-2.0
#include "client/learning/family_parts.h"
#include "client/learning/sequence_parts.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// One stack for both uses: where each place has a label, none sees what stands behind it (as GPT);
// else all see each other, and one answer is made of them (as BERT).
Result<TorchModelPtr> build_transformer(const ModelRequest& request) {
  const OptionMap& options = request.options;
  TRIB_CHECK_OK(check_sequences("transformer", request));
  TRIB_TRY(parts, TransformerParts::of(request));
  Layers layers;
  if (parts.padded) {
    layers.emplace_back(EmbeddingLayer{"embedding", vocabulary_option(options), parts.width});
  } else {
    layers.emplace_back(LinearLayer{"input", request.input_shape[1], parts.width});
  }
  parts.add_positions(layers, "positions", request.input_shape[0]);
  const bool every_place = request.target == TargetKind::kTokens;
  for (std::int64_t i = 0; i < option<std::int64_t>(options, "layers"); ++i)
    parts.add_block(layers, "layers." + std::to_string(i), /*causal=*/every_place, false);
  layers.emplace_back(LayerNormLayer{"norm", parts.width});
  if (!every_place && option<std::string>(options, "pool") == "first") {
    layers.emplace_back(TakePlaceLayer{false, parts.padded});
  } else if (!every_place) {
    layers.emplace_back(MeanOfPlacesLayer{parts.padded});
  }
  layers.emplace_back(LinearLayer{"output", parts.width, request.outputs});
  if (every_place) layers.emplace_back(PlacesLastLayer{});
  return build_layers(std::move(layers));
}

}  // namespace

const ModelFamily& transformer_family() {
  static constexpr ModelFamily kFamily{
      "transformer", "attention over the places of a sequence; causal where each has a label",
      build_transformer, vocabulary_option};
  return kFamily;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/learning/family_parts.h"
#include "client/learning/sequence_parts.h"
#include "common/base/limits.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

Status check_rows(const ModelRequest& request, std::int64_t source) {
  const std::vector<std::int64_t>& shape = request.input_shape;
  if (request.target != TargetKind::kTokens) {
    return refuse_model(
        "family translator writes tokens: it is for data.task: tokens; take transformer or rnn for "
        "one answer a text");
  }
  if (shape.size() != 1 || shape[0] <= source || shape[0] > limits::kSequenceMax) {
    return refuse_model(
        "family translator needs examples of shape [length], ids of the text and then those of its "
        "translation, and these are " +
        sizes_text(shape) + " with source_length: " + std::to_string(source) +
        "; make source_length shorter than the row, and the row at most " +
        std::to_string(limits::kSequenceMax));
  }
  if (request.target_shape != std::vector{shape[0] - source}) {
    return refuse_model("family translator gives tokens of shape " +
                        sizes_text({shape[0] - source}) +
                        ", those of a row behind source_length, and data.target_shape is " +
                        sizes_text(request.target_shape));
  }
  return {};
}

// Encoder and decoder (Vaswani et al. 2017), with one table of vectors for both texts. A row is the
// text, padded, and then its translation from the start on, which the decoder sees up to the place
// whose next token it tells.
Result<TorchModelPtr> build_translator(const ModelRequest& request) {
  const OptionMap& options = request.options;
  const std::int64_t source = option<std::int64_t>(options, "source_length");
  TRIB_CHECK_OK(check_rows(request, source));
  TRIB_TRY(parts, TransformerParts::of(request));
  TranslateLayer translate;
  translate.source = source;
  parts.add_positions(translate.encoder, "encoder.positions", source);
  parts.add_positions(translate.decoder, "decoder.positions", request.target_shape[0]);
  for (std::int64_t i = 0; i < option<std::int64_t>(options, "layers"); ++i) {
    const std::string name = ".layers." + std::to_string(i);
    parts.add_block(translate.encoder, "encoder" + name, false, false);
    parts.add_block(translate.decoder, "decoder" + name, true, true);
  }
  translate.encoder.emplace_back(LayerNormLayer{"encoder.norm", parts.width});
  translate.decoder.emplace_back(LayerNormLayer{"decoder.norm", parts.width});
  Layers layers;
  layers.emplace_back(EmbeddingLayer{"embedding", vocabulary_option(options), parts.width});
  layers.emplace_back(std::move(translate));
  layers.emplace_back(LinearLayer{"output", parts.width, request.outputs});
  layers.emplace_back(PlacesLastLayer{});
  return build_layers(std::move(layers));
}

}  // namespace

const ModelFamily& translator_family() {
  static constexpr ModelFamily kFamily{"translator",
                                       "encoder and decoder of attention: a text from another",
                                       build_translator, vocabulary_option};
  return kFamily;
}

}  // namespace tributary

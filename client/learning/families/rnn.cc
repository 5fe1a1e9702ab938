// SPDX-License-Identifier: Apache-2.0
#include "client/learning/family_parts.h"
#include "client/learning/sequence_parts.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

Result<TorchModelPtr> build_rnn(const ModelRequest& request) {
  const OptionMap& options = request.options;
  const bool bidirectional = option<bool>(options, "bidirectional");
  TRIB_CHECK_OK(check_sequences("rnn", request));
  if (bidirectional && request.target == TargetKind::kTokens) {
    return refuse_model(
        "bidirectional: true reads a text from its end too, where the tokens stand that data.task: "
        "tokens asks for; use bidirectional: false");
  }
  const std::int64_t vocabulary = option<std::int64_t>(options, "vocabulary");
  const std::int64_t hidden = option<std::int64_t>(options, "hidden");
  const std::int64_t given = bidirectional ? 2 * hidden : hidden;
  const bool padded = vocabulary > 0;
  const double dropout = option<double>(options, "dropout");
  Layers layers;
  const std::int64_t width =
      padded ? option<std::int64_t>(options, "width") : request.input_shape[1];
  if (padded) layers.emplace_back(EmbeddingLayer{"embedding", vocabulary, width});
  layers.emplace_back(RecurrentLayer{"rnn", option<std::string>(options, "cell") == "gru", width,
                                     hidden, option<std::int64_t>(options, "layers"), bidirectional,
                                     dropout, padded});
  const bool every_place = request.target == TargetKind::kTokens;
  if (!every_place && bidirectional) layers.emplace_back(MeanOfPlacesLayer{padded});
  if (!every_place && !bidirectional) layers.emplace_back(TakePlaceLayer{true, padded});
  if (dropout > 0.0) layers.emplace_back(DropoutLayer{dropout});
  layers.emplace_back(LinearLayer{"output", given, request.outputs});
  if (every_place) layers.emplace_back(PlacesLastLayer{});
  return build_layers(std::move(layers));
}

}  // namespace

const ModelFamily& rnn_family() {
  static constexpr ModelFamily kFamily{"rnn", "LSTM or GRU over the steps of a sequence", build_rnn,
                                       vocabulary_option};
  return kFamily;
}

}  // namespace tributary

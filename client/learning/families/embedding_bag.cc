// SPDX-License-Identifier: Apache-2.0
#include "client/learning/layers.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// Ids to vectors, their mean, then dense layers (as fastText, Joulin et al. 2017).
Result<TorchModelPtr> build_embedding_bag(const ModelRequest& request) {
  if (request.input_shape.size() != 1) {
    return make_error(ErrorCode::kInvalidArgument,
                      "family embedding_bag needs examples of shape [length], each a row of ids, "
                      "and these have " +
                          std::to_string(request.input_shape.size()) + " dimensions");
  }
  const OptionMap& options = request.options;
  TRIB_TRY(activation, activation_from_name(option<std::string>(options, "activation")));
  const std::int64_t width = option<std::int64_t>(options, "width");
  Layers layers{EmbeddingLayer{"embedding", option<std::int64_t>(options, "vocabulary"), width},
                MeanOfPlacesLayer{}};
  TRIB_CHECK_OK(add_dense(layers, "hidden", width,
                          option<std::vector<std::int64_t>>(options, "hidden"), request.outputs,
                          {option<std::string>(options, "norm") == "layer", activation,
                           option<double>(options, "dropout")}));
  return build_layers(std::move(layers));
}

std::int64_t vocabulary_of(const OptionMap& options) {
  return option<std::int64_t>(options, "vocabulary");
}

}  // namespace

const ModelFamily& embedding_bag_family() {
  static constexpr ModelFamily kFamily{"embedding_bag",
                                       "ids of tokens to vectors, their mean, then dense layers",
                                       build_embedding_bag, vocabulary_of};
  return kFamily;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/learning/layers.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

Result<TorchModelPtr> build_mlp(const ModelRequest& request) {
  TRIB_TRY(activation, activation_from_name(text_option(request.options, "activation", "relu")));
  Layers layers{FlattenLayer{}};
  TRIB_CHECK_OK(add_dense(layers, "hidden", features_of(request.input_shape),
                          integers_option(request.options, "hidden", {64}), request.outputs, activation,
                          number_option(request.options, "dropout", 0.0)));
  return build_layers(std::move(layers));
}

}  // namespace

const ModelFamily& mlp_family() {
  static constexpr ModelFamily kFamily{
      "mlp", "fully connected layers (options hidden, activation, dropout)", build_mlp};
  return kFamily;
}

}  // namespace tributary

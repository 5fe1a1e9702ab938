// SPDX-License-Identifier: Apache-2.0
#include "client/learning/layers.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

Result<TorchModelPtr> build_mlp(const ModelRequest& request) {
  const OptionMap& options = request.options;
  TRIB_TRY(activation, activation_from_name(option<std::string>(options, "activation")));
  Layers layers{FlattenLayer{}};
  TRIB_CHECK_OK(add_dense(layers, "hidden", features_of(request.input_shape),
                          option<std::vector<std::int64_t>>(options, "hidden"), request.outputs,
                          {option<std::string>(options, "norm") == "layer", activation,
                           option<double>(options, "dropout")}));
  return build_layers(std::move(layers));
}

}  // namespace

const ModelFamily& mlp_family() {
  static constexpr ModelFamily kFamily{"mlp", "fully connected layers", build_mlp};
  return kFamily;
}

}  // namespace tributary

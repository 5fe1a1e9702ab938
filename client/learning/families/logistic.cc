// SPDX-License-Identifier: Apache-2.0
#include "client/learning/layers.h"

namespace tributary {
namespace {

Result<TorchModelPtr> build_logistic(const ModelRequest& request) {
  return build_layers({FlattenLayer{}, LinearLayer{"linear", features_of(request.input_shape), request.outputs}});
}

}  // namespace

const ModelFamily& logistic_family() {
  static constexpr ModelFamily kFamily{
      "logistic", "one linear layer: logistic, softmax or linear regression, by the target", build_logistic};
  return kFamily;
}

}  // namespace tributary

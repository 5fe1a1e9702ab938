// SPDX-License-Identifier: Apache-2.0
#include "client/learning/autoencoder_parts.h"

namespace tributary {
namespace {

// Rows that it gives back badly are unlike those that it has learned: anomalies.
Result<TorchModelPtr> build_autoencoder(const ModelRequest& request) {
  return build_code_and_back("autoencoder", request, {});
}

}  // namespace

const ModelFamily& autoencoder_family() {
  static constexpr ModelFamily kFamily{
      "autoencoder", "through a short code back to the input, without labels", build_autoencoder};
  return kFamily;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/learning/autoencoder_parts.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// Kingma and Welling 2014 (arXiv 1312.6114); beta as Higgins et al. 2017.
Result<TorchModelPtr> build_vae(const ModelRequest& request) {
  return build_code_and_back("vae", request, option<double>(request.options, "beta"));
}

}  // namespace

const ModelFamily& vae_family() {
  static constexpr ModelFamily kFamily{
      "vae", "variational autoencoder: the code is drawn, near to a normal one", build_vae};
  return kFamily;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/learning/layers.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

std::string shape_text(std::int64_t channels, std::int64_t height, std::int64_t width) {
  return "[" + std::to_string(channels) + ", " + std::to_string(height) + ", " +
         std::to_string(width) + "]";
}

// Convolution, norm if wanted, activation, pooling for each entry of `channels`; then dense layers.
Result<TorchModelPtr> build_cnn(const ModelRequest& request) {
  if (request.input_shape.size() != 3) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "family cnn needs examples of shape [channels, height, width], and these have " +
            std::to_string(request.input_shape.size()) +
            " dimensions; set data.input_shape, or choose family mlp");
  }
  const OptionMap& options = request.options;
  const std::int64_t kernel = option<std::int64_t>(options, "kernel");
  const std::int64_t pool = option<std::int64_t>(options, "pool");
  const bool same = option<std::string>(options, "padding") == "same";
  // Of group norm; 0: there is none.
  const std::int64_t groups =
      option<std::string>(options, "norm") == "group" ? option<std::int64_t>(options, "groups") : 0;
  TRIB_TRY(activation, activation_from_name(option<std::string>(options, "activation")));
  std::int64_t depth = request.input_shape[0];
  std::int64_t height = request.input_shape[1];
  std::int64_t width = request.input_shape[2];
  Layers layers;
  int convolutions = 0;
  for (const std::int64_t channels : option<std::vector<std::int64_t>>(options, "channels")) {
    const std::string name = "conv" + std::to_string(++convolutions);
    const std::string before = shape_text(depth, height, width);
    layers.emplace_back(ConvLayer{name, depth, channels, kernel, same});
    if (groups > 0) {
      if (channels % groups != 0) {
        return make_error(ErrorCode::kInvalidArgument,
                          "groups: " + std::to_string(groups) + " does not divide the " +
                              std::to_string(channels) + " channels of " + name);
      }
      layers.emplace_back(GroupNormLayer{name + "_norm", channels, groups});
    }
    layers.emplace_back(ActivationLayer{activation});
    layers.emplace_back(MaxPoolLayer{pool});
    depth = channels;
    if (!same) height -= kernel - 1, width -= kernel - 1;
    if (pool >= 1) height /= pool, width /= pool;
    if (channels < 1 || kernel < 1 || pool < 1 || height < 1 || width < 1) {
      return make_error(
          ErrorCode::kInvalidArgument,
          name + " with " + std::to_string(channels) + " channels, kernel " +
              std::to_string(kernel) + " and pool " + std::to_string(pool) +
              " leaves nothing of its input " + before +
              "; use fewer channels entries, padding same or a smaller kernel or pool");
    }
  }
  layers.emplace_back(FlattenLayer{});
  TRIB_CHECK_OK(add_dense(layers, "dense", depth * height * width,
                          option<std::vector<std::int64_t>>(options, "dense"), request.outputs,
                          {false, activation, option<double>(options, "dropout")}));
  return build_layers(std::move(layers));
}

}  // namespace

const ModelFamily& cnn_family() {
  static constexpr ModelFamily kFamily{
      "cnn", "convolutions with pooling, then fully connected layers", build_cnn};
  return kFamily;
}

}  // namespace tributary

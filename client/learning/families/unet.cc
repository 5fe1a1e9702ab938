// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "client/learning/family_parts.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

struct Unet {
  std::vector<std::int64_t> channels;  // of each level, from the whole picture down
  std::string norm;
  double dropout = 0.0;

  void add_pair(Layers& layers, const std::string& name, std::int64_t inputs,
                std::int64_t outputs) const {
    for (const char* number : {"1", "2"}) {
      layers.emplace_back(
          ConvLayer{name + ".conv" + number, inputs, outputs, 3, false, 1, 1, true});
      add_norm(layers, norm, name + ".norm" + number, outputs);
      layers.emplace_back(ActivationLayer{Activation::kRelu});
      inputs = outputs;
    }
  }
  // A level and all below it: its pictures, beside what the smaller ones below say of them.
  void add_level(Layers& layers, std::size_t level, std::int64_t inputs) const {
    const std::int64_t own = channels[level];
    const std::string number = std::to_string(level + 1);
    add_pair(layers, "down" + number, inputs, own);
    if (level + 1 == channels.size()) {
      if (dropout > 0.0) layers.emplace_back(DropoutLayer{dropout});
      return;
    }
    SkipLayer skip;
    skip.inner.emplace_back(MaxPoolLayer{2});
    add_level(skip.inner, level + 1, own);
    skip.inner.emplace_back(UpsampleLayer{});
    skip.inner.emplace_back(
        ConvLayer{"up" + number + ".conv0", channels[level + 1], own, 3, false, 1, 1});
    layers.emplace_back(std::move(skip));
    add_pair(layers, "up" + number, 2 * own, own);
  }
};

// Ronneberger et al. 2015 (arXiv 1505.04597); pictures keep their size, and grow again by nearest
// pixels and a convolution, which leave no checkerboard.
Result<TorchModelPtr> build_unet(const ModelRequest& request) {
  const std::vector<std::int64_t>& shape = request.input_shape;
  const OptionMap& options = request.options;
  if (request.target != TargetKind::kSegmentation) {
    return refuse_model(
        "family unet gives a class for each pixel: it is for data.task: segmentation; take resnet "
        "or cnn for one answer a picture");
  }
  if (shape.size() != 3) {
    return refuse_model(
        "family unet needs examples of shape [channels, height, width], and these are " +
        sizes_text(shape) + "; set data.input_shape");
  }
  const Unet unet{option<std::vector<std::int64_t>>(options, "channels"),
                  option<std::string>(options, "norm"), option<double>(options, "dropout")};
  if (unet.channels.empty())
    return refuse_model("family unet needs at least one entry in channels");
  const std::int64_t divisor = std::int64_t{1}
                               << std::min<std::size_t>(unet.channels.size() - 1, 40);
  if (shape[1] % divisor != 0 || shape[2] % divisor != 0) {
    return refuse_model("family unet with " + std::to_string(unet.channels.size()) +
                        " levels halves pictures " + std::to_string(unet.channels.size() - 1) +
                        " times: height and width must be divisible by " + std::to_string(divisor) +
                        ", and the examples are " + sizes_text(shape) +
                        "; use fewer entries in channels, or pictures of another size");
  }
  if (request.target_shape != std::vector{shape[1], shape[2]}) {
    return refuse_model("family unet gives labels of shape " + sizes_text({shape[1], shape[2]}) +
                        ", and data.target_shape is " + sizes_text(request.target_shape));
  }
  Layers layers;
  unet.add_level(layers, 0, shape[0]);
  layers.emplace_back(ConvLayer{"output", unet.channels[0], request.outputs, 1});
  return build_layers(std::move(layers));
}

}  // namespace

const ModelFamily& unet_family() {
  static constexpr ModelFamily kFamily{"unet", "U-Net: a class for each pixel of a picture",
                                       build_unet};
  return kFamily;
}

}  // namespace tributary

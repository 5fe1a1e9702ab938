// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "client/learning/family_parts.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// Pictures below this many pixels a side keep their size at first, as those of CIFAR do.
constexpr std::int64_t kSmallSide = 64;

struct Block {
  std::string name;
  std::int64_t inputs = 0, outputs = 0, stride = 1;
};

ConvLayer three_by_three(const std::string& name, std::int64_t inputs, std::int64_t outputs,
                         std::int64_t stride) {
  return {name, inputs, outputs, 3, false, stride, 1, true};
}

void add_block(Layers& layers, const Block& block, const std::string& norm) {
  ResidualLayer residual;
  Layers& main = residual.main;
  main.emplace_back(
      three_by_three(block.name + ".conv1", block.inputs, block.outputs, block.stride));
  add_norm(main, norm, block.name + ".bn1", block.outputs);
  main.emplace_back(ActivationLayer{Activation::kRelu});
  main.emplace_back(three_by_three(block.name + ".conv2", block.outputs, block.outputs, 1));
  add_norm(main, norm, block.name + ".bn2", block.outputs);
  if (block.inputs != block.outputs || block.stride != 1) {
    const std::string name = block.name + ".downsample.";
    residual.shortcut.emplace_back(
        ConvLayer{name + "0", block.inputs, block.outputs, 1, false, block.stride, 0, true});
    add_norm(residual.shortcut, norm, name + "1", block.outputs);
  }
  layers.emplace_back(std::move(residual));
  layers.emplace_back(ActivationLayer{Activation::kRelu});
}

// He et al. 2015 (arXiv 1512.03385), with the names of torchvision's models.
Result<TorchModelPtr> build_resnet(const ModelRequest& request) {
  const std::vector<std::int64_t>& shape = request.input_shape;
  if (shape.size() != 3) {
    return refuse_model(
        "family resnet needs examples of shape [channels, height, width], and these are " +
        sizes_text(shape) + "; set data.input_shape, or choose family mlp");
  }
  if (labels_places(request.target) || request.target == TargetKind::kUnlabelled) {
    return refuse_model(
        "family resnet gives one answer for a picture: it is for data.task binary, classes or "
        "regression; take unet for segmentation, autoencoder for pictures without labels");
  }
  const OptionMap& options = request.options;
  const std::int64_t width = option<std::int64_t>(options, "width");
  const std::string& norm = option<std::string>(options, "norm");
  const bool deep = option<std::string>(options, "depth") == "34";
  const std::array<int, 4> blocks = deep ? std::array{3, 4, 6, 3} : std::array{2, 2, 2, 2};
  const bool small = std::min(shape[1], shape[2]) < kSmallSide;
  Layers layers;
  if (small) {
    layers.emplace_back(three_by_three("conv1", shape[0], width, 1));
  } else {
    layers.emplace_back(ConvLayer{"conv1", shape[0], width, 7, false, 2, 3, true});
  }
  add_norm(layers, norm, "bn1", width);
  layers.emplace_back(ActivationLayer{Activation::kRelu});
  if (!small) layers.emplace_back(MaxPoolLayer{3, 2, 1});
  std::int64_t channels = width;
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    const std::int64_t outputs = width << stage;
    for (int i = 0; i < blocks[stage]; ++i) {
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(i);
      add_block(layers, {name, channels, outputs, i == 0 && stage > 0 ? 2 : 1}, norm);
      channels = outputs;
    }
  }
  layers.emplace_back(GlobalAveragePoolLayer{});
  layers.emplace_back(LinearLayer{"fc", channels, request.outputs});
  return build_layers(std::move(layers));
}

}  // namespace

const ModelFamily& resnet_family() {
  static constexpr ModelFamily kFamily{"resnet", "residual convolutions, as ResNet-18 and 34",
                                       build_resnet};
  return kFamily;
}

}  // namespace tributary

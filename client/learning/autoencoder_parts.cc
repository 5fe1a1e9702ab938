// SPDX-License-Identifier: Apache-2.0
#include "client/learning/autoencoder_parts.h"

#include <algorithm>

#include "client/learning/family_parts.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

struct Ways {
  Layers there, back;
};

void add_dense_ways(Ways& ways, const std::vector<std::int64_t>& hidden, std::int64_t inputs,
                    std::int64_t code, std::int64_t code_outputs, Activation activation) {
  const auto add = [&](Layers& layers, const std::string& name, std::int64_t from,
                       const std::vector<std::int64_t>& widths, std::int64_t to) {
    int number = 0;
    for (const std::int64_t width : widths) {
      layers.emplace_back(LinearLayer{name + std::to_string(++number), from, width});
      layers.emplace_back(ActivationLayer{activation});
      from = width;
    }
    layers.emplace_back(LinearLayer{name + ".last", from, to});
  };
  ways.there.emplace_back(FlattenLayer{});
  add(ways.there, "encoder.hidden", inputs, hidden, code_outputs);
  add(ways.back, "decoder.hidden", code, {hidden.rbegin(), hidden.rend()}, inputs);
}

// Each entry of `channels` halves the picture.
void add_conv_ways(Ways& ways, const std::vector<std::int64_t>& channels,
                   const std::vector<std::int64_t>& shape, std::int64_t code,
                   std::int64_t code_outputs, Activation activation) {
  std::int64_t from = shape[0], height = shape[1], width = shape[2];
  int number = 0;
  for (const std::int64_t to : channels) {
    ways.there.emplace_back(
        ConvLayer{"encoder.conv" + std::to_string(++number), from, to, 3, false, 2, 1});
    ways.there.emplace_back(ActivationLayer{activation});
    from = to;
    height /= 2;
    width /= 2;
  }
  ways.there.emplace_back(FlattenLayer{});
  ways.there.emplace_back(LinearLayer{"encoder.last", from * height * width, code_outputs});
  ways.back.emplace_back(LinearLayer{"decoder.first", code, from * height * width});
  ways.back.emplace_back(ActivationLayer{activation});
  ways.back.emplace_back(ReshapeLayer{{from, height, width}});
  for (std::size_t i = channels.size(); i-- > 0;) {
    const std::int64_t to = i == 0 ? shape[0] : channels[i - 1];
    ways.back.emplace_back(UpsampleLayer{});
    ways.back.emplace_back(
        ConvLayer{"decoder.conv" + std::to_string(i + 1), channels[i], to, 3, false, 1, 1});
    if (i > 0) ways.back.emplace_back(ActivationLayer{activation});
  }
}

Status check_pictures(const std::string& family, const std::vector<std::int64_t>& shape,
                      std::size_t levels) {
  if (shape.size() != 3) {
    return refuse_model("family " + family +
                        " with channels needs examples of shape [channels, height, width], and "
                        "these are " +
                        sizes_text(shape) + "; leave channels out for dense layers");
  }
  const std::int64_t divisor = std::int64_t{1} << std::min<std::size_t>(levels, 40);
  if (shape[1] % divisor == 0 && shape[2] % divisor == 0) return {};
  return refuse_model("family " + family + " halves pictures for each of the " +
                      std::to_string(levels) +
                      " entries of channels: height and width must be "
                      "divisible by " +
                      std::to_string(divisor) + ", and the examples are " + sizes_text(shape) +
                      "; use fewer entries");
}

}  // namespace

Result<TorchModelPtr> build_code_and_back(const std::string& family, const ModelRequest& request,
                                          std::optional<double> beta) {
  if (request.target != TargetKind::kUnlabelled) {
    return refuse_model("family " + family +
                        " gives its input back: it is for data.task: unlabelled");
  }
  const OptionMap& options = request.options;
  TRIB_TRY(activation, activation_from_name(option<std::string>(options, "activation")));
  const auto& channels = option<std::vector<std::int64_t>>(options, "channels");
  const std::int64_t code = option<std::int64_t>(options, "code");
  const std::int64_t code_outputs = beta ? 2 * code : code;
  const std::int64_t inputs = features_of(request.input_shape);
  Ways ways;
  if (channels.empty()) {
    add_dense_ways(ways, option<std::vector<std::int64_t>>(options, "hidden"), inputs, code,
                   code_outputs, activation);
  } else {
    TRIB_CHECK_OK(check_pictures(family, request.input_shape, channels.size()));
    add_conv_ways(ways, channels, request.input_shape, code, code_outputs, activation);
  }
  Layers layers = std::move(ways.there);
  if (beta) layers.emplace_back(LatentLayer{code, *beta, inputs});
  for (Layer& layer : ways.back) layers.push_back(std::move(layer));
  if (option<std::string>(options, "output") == "sigmoid")
    layers.emplace_back(ActivationLayer{Activation::kSigmoid});
  layers.emplace_back(ReshapeLayer{request.input_shape});
  return build_layers(std::move(layers));
}

}  // namespace tributary

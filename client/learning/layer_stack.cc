// SPDX-License-Identifier: Apache-2.0
#include "client/learning/layer_stack.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>

#include "common/base/limits.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

// A module while it is put together, in the order in which its parts first come.
struct Part {
  std::string name;
  std::vector<std::pair<std::string, std::size_t>> tensors;  // index in the model's
  std::vector<Part> parts;

  Part& part(const std::string& wanted) {
    const auto found = std::ranges::find(parts, wanted, &Part::name);
    return found != parts.end() ? *found : parts.emplace_back(Part{wanted, {}, {}});
  }
  void add(const std::string& path, std::size_t index) {
    const std::size_t dot = path.find('.');
    if (dot == std::string::npos) {
      tensors.emplace_back(path, index);
    } else {
      part(path.substr(0, dot)).add(path.substr(dot + 1), index);
    }
  }
};

int depth_of(const Layers& layers) {
  int depth = 0;
  for (const Layer& layer : layers) {
    for (const Layers* list : within(layer)) depth = std::max(depth, depth_of(*list));
  }
  return depth + 1;
}

bool has_hook(const Layer& layer) {
  return !std::holds_alternative<RecurrentLayer>(layer.kind) &&
         !std::holds_alternative<BatchNormLayer>(layer.kind);
}

}  // namespace

LayerStack::LayerStack(Layers layers)
    : layers_(std::move(layers)), generator_(at::detail::createCPUGenerator(0)) {
  std::vector<NamedTensor> buffers;
  std::vector<LayerTensor> initial_buffers;
  for (const Layer* layer : leaves_of(layers_)) {
    traceable_ = traceable_ && has_hook(*layer);
    if (std::holds_alternative<BatchNormLayer>(layer->kind)) mixes_rows = "batch_norm";
    for (const LayerTensor& tensor : tensors_of(*layer)) {
      const std::string name = name_of(*layer) + "." + tensor.name;
      const torch::Tensor values = torch::zeros(tensor.shape);
      if (tensor.buffer) {
        buffers.push_back({name, values});
        initial_buffers.push_back(tensor);
      } else {
        tensors.push_back({name, values.requires_grad_()});
        initial_.push_back(tensor);
      }
    }
  }
  parameters = tensors.size();
  tensors.insert(tensors.end(), buffers.begin(), buffers.end());
  initial_.insert(initial_.end(), initial_buffers.begin(), initial_buffers.end());
}

torch::Tensor LayerStack::walk(const torch::Tensor& inputs, std::vector<LayerUse>* uses) {
  Walk walk;
  walk.x = inputs;
  walk.buffer_at = parameters;
  walk.uses = uses;
  extra_loss_ = torch::Tensor();
  go(layers_, walk);
  return walk.x;
}

void LayerStack::go(const Layers& layers, Walk& walk) {
  for (const Layer& layer : layers) {
    std::visit([&](const auto& kind) { pass(kind, walk); }, layer.kind);
    for (const LayerTensor& tensor : tensors_of(layer))
      ++(tensor.buffer ? walk.buffer_at : walk.at);
    const bool shows = std::holds_alternative<ConvLayer>(layer.kind) ||
                       std::holds_alternative<ActivationLayer>(layer.kind);
    if (watched_ != nullptr && shows) watched_->feature_maps.push_back(walk.x);
  }
}

torch::Tensor LayerStack::forward_traced(const torch::Tensor& inputs, std::vector<LayerUse>& uses) {
  if (!traceable_) return {};
  return walk(inputs.to(torch::kDouble), &uses);
}

torch::Tensor LayerStack::forward_alone(const torch::Tensor& inputs, std::uint64_t seed) {
  generator_ = at::detail::createCPUGenerator(seed);
  std::vector<torch::Tensor> before;
  for (std::size_t i = parameters; i < tensors.size(); ++i)
    before.push_back(tensors[i].tensor.clone());
  const torch::Tensor outputs = walk(inputs, nullptr);
  for (std::size_t i = 0; i < before.size(); ++i) tensors[parameters + i].tensor.copy_(before[i]);
  return outputs;
}

std::unique_lock<std::mutex> LayerStack::seed_randomness(std::uint64_t seed) {
  generator_ = at::detail::createCPUGenerator(seed);
  return {};
}

// From our own generator, so that every machine and every version of Torch starts from the same
// bits.
void LayerStack::initialize(std::uint64_t job_seed) {
  for (std::size_t at = 0; at < tensors.size(); ++at) {
    SeededRandom random(derive_seed(job_seed, "initial-weights", at));
    const LayerTensor& tensor = initial_[at];
    for (float& value : values_of(tensors[at].tensor))
      value = static_cast<float>(tensor.middle + tensor.spread * (2.0 * random.uniform() - 1.0));
  }
}

void LayerStack::save(std::ostream& file) {
  const auto unit = std::make_shared<torch::jit::CompilationUnit>();
  Part root;
  for (std::size_t i = 0; i < tensors.size(); ++i) root.add(tensors[i].name, i);
  const auto make = [&](const auto& self, const Part& part,
                        const char* name) -> torch::jit::Module {
    torch::jit::Module module(c10::QualifiedName(name), unit, true);
    module.register_attribute("training", c10::BoolType::get(), false);
    for (const auto& [own, index] : part.tensors) {
      const torch::Tensor values = tensors[index].tensor.detach().clone();
      if (index < parameters) {
        module.register_parameter(own, values.requires_grad_(), false);
      } else {
        module.register_buffer(own, values);
      }
    }
    for (const Part& inner : part.parts)
      module.register_module(inner.name, self(self, inner, "__torch__.tributary.Layer"));
    return module;
  };
  torch::jit::Module module = make(make, root, "__torch__.tributary.Model");
  module.define(forward_source(layers_));
  module.save(file);
}

void LayerStack::save_state(StateWriter& to) const {
  for (const NamedTensor& named : tensors) to.floats(values_of(named.tensor));
  save_generator(to, generator_);
}

Status LayerStack::restore_state(StateReader& from) {
  for (const NamedTensor& named : tensors) {
    TRIB_TRY(values, from.floats());
    const auto to = values_of(named.tensor);
    if (values.size() != to.size())
      return make_error(ErrorCode::kDataLoss, "another number of values for " + named.name);
    std::ranges::copy(values, to.begin());
  }
  return restore_generator(from, generator_);
}

Result<TorchModelPtr> build_layers(Layers layers) {
  double bytes = 0.0;
  for (const Layer* layer : leaves_of(layers)) {
    for (const LayerTensor& tensor : tensors_of(*layer)) {
      double values = 1.0;
      for (const std::int64_t size : tensor.shape) values *= static_cast<double>(size);
      bytes += values * sizeof(float);
    }
  }
  if (bytes > static_cast<double>(limits::kBlobBytesMax)) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "the model's weights would not fit kBlobBytesMax; use smaller or fewer layers");
  }
  if (depth_of(layers) > limits::kLayerDepthMax) {
    return make_error(ErrorCode::kInvalidArgument, "the model has more than " +
                                                       std::to_string(limits::kLayerDepthMax) +
                                                       " layers within layers; use fewer levels");
  }
  return guarded("building the model", [&]() -> Result<TorchModelPtr> {
    return TorchModelPtr(std::make_shared<LayerStack>(std::move(layers)));
  });
}

}  // namespace tributary

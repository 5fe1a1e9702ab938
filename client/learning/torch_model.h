// SPDX-License-Identifier: Apache-2.0
// TorchModel: a model that trains, behind one interface for built-in layers and TorchScript
// modules. Internal to this room, the only header of it with Torch types; include it in as few
// sources as possible (each costs ten seconds). One owner, one thread. Functions here may throw
// what Torch throws: callers stand inside guarded().
#pragma once

#include <torch/script.h>

#include <iosfwd>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/learning/device.h"
#include "client/learning/family.h"
#include "client/learning/state_bytes.h"
#include "common/tensor/layout.h"

namespace tributary {

struct NamedTensor {
  std::string name;
  torch::Tensor tensor;  // float32, contiguous, CPU
};

// What a layer with weights took and gave in one forward(), in double precision: of which the
// gradient of each row by itself follows (row_gradients.cc has a hook for each kind).
struct DenseUse {        // weight and bias
  torch::Tensor inputs;  // [rows, ...places, features]
};
struct ConvolutionUse {  // weight and bias, or weight alone
  torch::Tensor inputs;  // [rows, channels, height, width], with padding
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
};
struct NormUse {              // weight and bias
  torch::Tensor normal;       // before it is scaled: of the outputs' shape
  std::int64_t channels = 1;  // the dimension that the weights stand along
};
struct EmbeddingUse {  // weight alone
  torch::Tensor ids;   // [rows, places], int64
};
struct AddedUse {};  // weight alone, added to what each row is: [...], of a row's shape
struct LayerUse {
  using Kind = std::variant<DenseUse, ConvolutionUse, NormUse, EmbeddingUse, AddedUse>;
  std::size_t at = 0;     // of its weight in `tensors`; its bias follows
  torch::Tensor outputs;  // requires a gradient
  Kind kind;
  std::size_t count = 2;  // 1: it has no bias
};

// What stands within a model in one forward(), in order.
struct Watched {
  // Of convolutions and activations; those over pictures are [rows, channels, height, width].
  std::vector<torch::Tensor> feature_maps;
};

class TorchModel {
 public:
  virtual ~TorchModel() = default;
  virtual torch::Tensor forward(const torch::Tensor& inputs) = 0;
  // The same in double precision, with what each layer with weights did. An undefined tensor: the
  // model does not know its layers, or what a row's gradient is for one of them.
  virtual torch::Tensor forward_traced(const torch::Tensor&, std::vector<LayerUse>&) { return {}; }
  // From now on forward() adds to it, until null is given; a model that does not know its layers
  // adds nothing.
  virtual void watch(Watched*) {}
  // forward() of which nothing stays in the model, so that what it gives follows from the weights,
  // these inputs and the seed alone.
  virtual torch::Tensor forward_alone(const torch::Tensor& inputs, std::uint64_t seed) = 0;
  // What the last forward() in training adds to the loss: a mean over the rows, beside one over
  // all their outputs. Undefined: nothing.
  virtual torch::Tensor extra_loss() { return {}; }
  // Rows that are nobody's, as the model sees rows; of the inputs of a group one is to be the
  // largest. Undefined: this family makes none.
  virtual torch::Tensor generate(std::int64_t /*rows*/, std::uint64_t /*seed*/,
                                 std::span<const WordGroup> /*groups*/) {
    return {};
  }
  // Where `made_of_means`: the sum over the rows of what the weights are the means of, in double
  // precision, one value for each of the model's, by the weights as they are now.
  virtual torch::Tensor sums_over(const torch::Tensor& /*inputs*/) { return {}; }
  virtual void set_training(bool training) = 0;
  // Makes what forward() draws in training (dropout) follow from the seed. Hold what is returned
  // while training: models that draw from Torch's global generator train one at a time in a
  // process.
  virtual std::unique_lock<std::mutex> seed_randomness(std::uint64_t seed) = 0;
  // Values of a model before its first round. TorchScript modules bring their own.
  virtual void initialize(std::uint64_t job_seed) = 0;
  // Writes a TorchScript file that torch.jit.load of Python opens.
  virtual void save(std::ostream& file) = 0;
  // Brings `tensors` up to date where forward() has put others in their place.
  virtual void refresh_tensors() {}
  // Puts another tensor into the place of tensors[at], for the calls of forward() that follow;
  // gradients flow to what it is made of.
  virtual void use_tensor(std::size_t at, const torch::Tensor& tensor) {
    tensors[at].tensor = tensor;
  }
  // All that training changes, to go on with the same bits; the random numbers too, so restore
  // after seed_randomness(). Restoring may put other tensors into `tensors`.
  virtual void save_state(StateWriter& to) const = 0;
  virtual Status restore_state(StateReader& from) = 0;

  // What travels, in order: parameters, then float buffers.
  std::vector<NamedTensor> tensors;
  std::size_t parameters = 0;  // the first so many of `tensors` are parameters
  // Its weights are no matter of gradients: train.objective is `statistics`.
  bool made_of_means = false;
  // The operator by which rows of a batch see each other, as batch_norm; empty where none does.
  std::string mixes_rows = {};
};

// Builds the job's model and, for `values`, fills it in. Fails where the layouts differ.
Result<TorchModelPtr> build_model(const JobSpec& job, const std::vector<std::int64_t>& input_shape,
                                  ByteView module_file, Device device = Device::kCpu);
Status check_layout(const TorchModel& model, const Layout& layout);
Status load_values(TorchModel& model, const Model& values);
// Whether the job's client algorithm is defined for the model, and its keep_local names tensors.
Status check_training(const JobSpec& job, const TorchModel& model);

// Where a generator stands in its random numbers.
void save_generator(StateWriter& to, at::Generator generator);
Status restore_generator(StateReader& from, at::Generator generator);

inline std::span<float> values_of(const torch::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

// Shape of a batch: rows in front of the shape of one example.
std::vector<std::int64_t> batch_shape(std::int64_t rows,
                                      const std::vector<std::int64_t>& input_shape);

// What Torch and its BLAS use on this thread from now on. Several threads of one process may each
// train with 1.
void use_threads(int threads);

// The exception in flight as an Error, without backtraces: "training: ...".
Error error_of_exception(std::string_view doing);

template <typename Function>
auto guarded(std::string_view doing, Function&& function) -> decltype(function()) {
  try {
    return function();
  } catch (...) {
    return error_of_exception(doing);
  }
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/learning/torch_model.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <algorithm>
#include <sstream>

#include "client/data/augmentation.h"
#include "client/learning/algorithm.h"
#include "client/learning/device_model.h"
#include "client/learning/examples.h"
#include "client/learning/layers.h"
#include "client/learning/learner.h"
#include "client/learning/local_tensors.h"
#include "client/learning/objective.h"
#include "client/learning/transferred_model.h"
#include "common/base/text.h"
#include "common/crypto/secure_random.h"

namespace tributary {
namespace {

// Torch's texts span many lines: keep the one that says what is wrong.
std::string one_line(std::string_view text) {
  constexpr std::size_t kBytesMax = 400;
  const std::size_t cause = text.rfind("RuntimeError: ");
  if (cause != std::string_view::npos)
    text.remove_prefix(cause + std::string_view("RuntimeError: ").size());
  text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
  return std::string(cut_utf8(text.substr(0, text.find('\n')), kBytesMax));
}

Error torch_error(std::string_view doing, std::string_view text) {
  const bool memory = text.find("can't allocate memory") != std::string_view::npos;
  const ErrorCode code = memory ? ErrorCode::kResourceExhausted : ErrorCode::kFailedPrecondition;
  return make_error(code, one_line(text)).with_context(doing);
}

std::string difference(const std::vector<NamedTensor>& mine, const Layout& theirs) {
  const auto& specs = theirs.tensors;
  if (mine.size() != specs.size()) {
    return std::to_string(specs.size()) + " tensors where the family has " +
           std::to_string(mine.size());
  }
  for (std::size_t i = 0; i < mine.size(); ++i) {
    if (specs[i].name != mine[i].name)
      return "tensor " + specs[i].name + " where the family has " + mine[i].name;
    if (!std::ranges::equal(specs[i].shape, mine[i].tensor.sizes())) {
      return "another shape for " + specs[i].name + " than the family";
    }
  }
  return "";
}

}  // namespace

void save_generator(StateWriter& to, at::Generator generator) {
  const std::lock_guard lock(generator.mutex());
  const torch::Tensor state = generator.get_state();
  to.bytes({static_cast<const std::byte*>(state.data_ptr()), state.nbytes()});
}

Status restore_generator(StateReader& from, at::Generator generator) {
  TRIB_TRY(bytes, from.bytes());
  const torch::Tensor state =
      torch::empty({static_cast<std::int64_t>(bytes.size())}, torch::kUInt8);
  std::ranges::copy(bytes, static_cast<std::byte*>(state.data_ptr()));
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
  return {};
}

Error error_of_exception(std::string_view doing) {
  try {
    throw;
  } catch (const c10::Error& error) {
    return torch_error(doing, error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return make_error(ErrorCode::kResourceExhausted,
                      "out of memory; use a smaller model or batch_size")
        .with_context(doing);
  } catch (const std::exception& error) {
    return torch_error(doing, error.what());
  }
}

void use_threads(int threads) {
  if (at::get_num_threads() != threads) at::set_num_threads(threads);
  // OpenBLAS has a pool of its own, for the whole process; other BLAS libraries do not have the
  // function.
  using SetThreads = void (*)(int);
  static const auto set_blas_threads =
      reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  static std::atomic<int> blas_threads{0};
  if (set_blas_threads != nullptr && blas_threads.exchange(threads) != threads)
    set_blas_threads(threads);
}

std::vector<std::int64_t> batch_shape(std::int64_t rows,
                                      const std::vector<std::int64_t>& input_shape) {
  std::vector<std::int64_t> shape{rows};
  shape.insert(shape.end(), input_shape.begin(), input_shape.end());
  return shape;
}

Result<TorchModelPtr> build_model(const JobSpec& job, const std::vector<std::int64_t>& input_shape,
                                  ByteView module_file, Device device) {
  TRIB_TRY(family, find_family(job.model.name));
  TRIB_TRY(objective, find_objective(job.train.objective.name));
  const std::int64_t outputs = objective->outputs != nullptr
                                   ? objective->outputs(job.train.objective.options)
                                   : model_outputs(job.data, input_shape);
  TRIB_TRY(model, family->build({job.model.options, input_shape, outputs, job.data.target,
                                 job.data.target_shape, module_file}));
  if (device_for(job, device) == Device::kCuda)
    model = on_device(std::move(model), torch::kCUDA, job.train.mixed_precision);
  if (job.transfer == TransferSpec{}) return model;
  return transferred(std::move(model), job, module_file);
}

Status check_layout(const TorchModel& model, const Layout& layout) {
  const std::string wrong = difference(model.tensors, layout);
  if (wrong.empty()) return {};
  return make_error(
      ErrorCode::kFailedPrecondition,
      "the global model does not fit the job's model family on this site's data: it has " + wrong);
}

Status load_values(TorchModel& model, const Model& values) {
  TRIB_CHECK_OK(check_layout(model, values.layout));
  const float* from = values.values.data();
  for (const NamedTensor& named : model.tensors) {
    const auto to = values_of(named.tensor);
    std::copy_n(from, to.size(), to.begin());
    from += to.size();
  }
  return {};
}

namespace {

// Under privacy.records a step is a sum of what single rows do, each by the loss of its label.
Status check_single_rows(const TrainSpec& train) {
  const auto refuse = [](const std::string& what) {
    return make_error(ErrorCode::kInvalidArgument, "privacy.records does not go with " + what);
  };
  if (train.objective.name != "supervised" && train.objective.name != "statistics")
    return refuse("train.objective: " + train.objective.name);
  for (const PluginChoice& choice : train.augment) {
    TRIB_TRY(plugin, find_augmentation(choice.name));
    if (plugin->make == nullptr)
      return refuse("train.augment: " + choice.name + ", which makes one row of several");
  }
  return {};
}

}  // namespace

Status check_training(const JobSpec& job, const TorchModel& model) {
  Layout layout;
  for (const NamedTensor& named : model.tensors)
    layout.tensors.push_back({named.name, named.tensor.sizes().vec()});
  TRIB_CHECK_OK(check_local(job.train, layout));
  if (model.made_of_means != (job.train.objective.name == "statistics")) {
    return make_error(
        ErrorCode::kInvalidArgument,
        model.made_of_means
            ? "family " + job.model.name +
                  " holds means over rows: train.objective must be statistics"
            : "train.objective: statistics is for families that hold means over rows, "
              "as copula does");
  }
  if (job.privacy.records && !model.mixes_rows.empty()) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "privacy.records holds where a row's gradient is its own, and the model runs " +
            tributary::quoted(model.mixes_rows) +
            ", which mixes the rows of a batch and keeps their statistics: take "
            "group norm or layer norm in its place");
  }
  if (job.privacy.records && model.parameters < model.tensors.size()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "privacy.records holds for weights that gradients move, and " +
                          tributary::quoted(model.tensors[model.parameters].name) +
                          " is a buffer, made of the rows themselves: take a model that has none "
                          "(group norm or layer norm in place of batch norm)");
  }
  if (job.privacy.records) TRIB_CHECK_OK(check_single_rows(job.train));
  TRIB_TRY(algorithm, find_algorithm(job.train.algorithm.name));
  if (!algorithm->gradients_only) return {};
  for (std::size_t i = model.parameters; i < model.tensors.size(); ++i) {
    const std::string& name = model.tensors[i].name;
    if (stays_local(job.train, name)) continue;
    return make_error(
        ErrorCode::kInvalidArgument,
        std::string(algorithm->name) + " is defined for weights that gradients move, and " +
            tributary::quoted(name) + " is a buffer that travels; let train.keep_local name it");
  }
  return {};
}

// Random numbers that nobody may foretell; each library below Torch: BLAS, oneDNN (convolutions),
// vectorised functions, random numbers, the pools of threads, the interpreter.
void warm_up_torch() {
  static_cast<void>(SecureRandom().next_u64());
  use_threads(1);
  const torch::Tensor images = torch::rand({2, 1, 8, 8});
  const torch::Tensor filters = torch::rand({2, 1, 3, 3}).requires_grad_();
  const torch::Tensor folded = at::conv2d(images, filters).flatten(1).exp();
  const torch::Tensor weights = torch::rand({1, folded.size(1)}).requires_grad_();
  static_cast<void>(torch::autograd::grad({at::linear(folded, weights).sum()}, {filters, weights}));
  torch::jit::Module module("WarmUp");
  module.define("def forward(self, x):\n    return torch.relu(x)\n");
  torch::jit::GraphOptimizerEnabledGuard plain(false);
  static_cast<void>(module.forward({images}));
}

Result<Model> initial_model(const JobSpec& job, const std::vector<std::int64_t>& input_shape,
                            ByteView module_file) {
  return guarded("building the initial model", [&]() -> Result<Model> {
    use_threads(1);
    TRIB_TRY(model, build_model(job, input_shape, module_file));
    TRIB_CHECK_OK(check_training(job, *model));
    model->initialize(job.seed);
    Model made;
    for (const NamedTensor& named : model->tensors) {
      made.layout.tensors.push_back({named.name, named.tensor.sizes().vec()});
      const auto values = values_of(named.tensor);
      made.values.insert(made.values.end(), values.begin(), values.end());
    }
    return made;
  });
}

Result<Bytes> export_torchscript(const JobSpec& job, const Model& model,
                                 const std::vector<std::int64_t>& input_shape,
                                 ByteView module_file) {
  return guarded("writing the TorchScript module", [&]() -> Result<Bytes> {
    use_threads(1);
    TRIB_TRY(built, build_model(job, input_shape, module_file));
    TRIB_CHECK_OK(load_values(*built, model));
    std::ostringstream file;
    built->save(file);
    const ByteView bytes = as_bytes(file.view());
    return Bytes(bytes.begin(), bytes.end());
  });
}

}  // namespace tributary

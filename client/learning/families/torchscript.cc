// SPDX-License-Identifier: Apache-2.0
// Modules scripted in Python. What their code may do is script_gate's to say; here is refused, with
// the remedy, what would fail or mislead later: frozen and traced modules, other dtypes, wrong
// output shapes.
#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "client/learning/script_gate.h"
#include "client/learning/torch_model.h"

namespace tributary {
namespace {

Error refuse(const std::string& why) {
  return make_error(ErrorCode::kInvalidArgument, "the TorchScript module " + why);
}

// Reads where the bytes lie: a module may be large.
class MemoryBuffer final : public std::streambuf {
 public:
  explicit MemoryBuffer(ByteView bytes) {
    char* start = const_cast<char*>(as_text(bytes).data());
    setg(start, start, start + bytes.size());
  }

 private:
  pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode) override {
    const off_type base = from == std::ios_base::beg   ? 0
                          : from == std::ios_base::cur ? gptr() - eback()
                                                       : egptr() - eback();
    const off_type to = base + offset;
    if (to < 0 || to > egptr() - eback()) return pos_type(off_type(-1));
    setg(eback(), eback() + to, egptr());
    return to;
  }
  pos_type seekpos(pos_type to, std::ios_base::openmode which) override {
    return seekoff(to, std::ios_base::beg, which);
  }
};

// What is loaded has run code already where it has a __setstate__; nothing else of it runs before
// the gate has seen all of it.
Result<torch::jit::Module> load_module(ByteView file) {
  MemoryBuffer buffer(file);
  std::istream stream(&buffer);
  torch::jit::Module module = torch::jit::load(stream, torch::kCPU);
  TRIB_CHECK_OK(check_operators(module));
  return module;
}

class ScriptModel final : public TorchModel {
 public:
  ScriptModel(torch::jit::Module module, bool random)
      : module_(std::move(module)), random_(random) {}

  // The optimising executor changes code after its first calls; without it every call computes the
  // same way.
  torch::Tensor forward(const torch::Tensor& inputs) override {
    torch::jit::GraphOptimizerEnabledGuard plain(false);
    return module_.forward({inputs}).toTensor();
  }
  // A copy is made of differentiable clones: gradients reach the parameters through it.
  torch::Tensor forward_alone(const torch::Tensor& inputs, std::uint64_t seed) override {
    torch::jit::GraphOptimizerEnabledGuard plain(false);
    if (random_) torch::manual_seed(seed);
    return module_.deepcopy().forward({inputs}).toTensor();
  }
  void set_training(bool training) override { module_.train(training); }
  std::unique_lock<std::mutex> seed_randomness(std::uint64_t seed) override {
    static std::mutex one_at_a_time;
    if (!random_) return {};
    std::unique_lock hold(one_at_a_time);
    torch::manual_seed(seed);
    return hold;
  }
  void initialize(std::uint64_t) override {}
  void save(std::ostream& file) override {
    module_.eval();
    module_.save(file);
  }
  void refresh_tensors() override;
  void use_tensor(std::size_t at, const torch::Tensor& tensor) override;
  void save_state(StateWriter& to) const override;
  Status restore_state(StateReader& from) override;

  Status collect_tensors();

 private:
  Status add_parameters(torch::jit::Module part, const std::string& prefix);
  void put(const std::string& name, const torch::Tensor& tensor);
  Status add_buffers(const torch::jit::Module& part, const std::string& prefix);

  torch::jit::Module module_;
  bool random_;
  std::map<std::pair<const void*, std::int64_t>, torch::Tensor> seen_;
  std::map<std::string, std::vector<std::string>> tied_;  // other names of a tensor
};

// A tied weight is loaded as two tensors over one memory; both names get the first tensor, which
// travels once.
Status ScriptModel::add_parameters(torch::jit::Module part, const std::string& prefix) {
  for (const auto& parameter : part.named_parameters(/*recurse=*/false)) {
    const torch::Tensor tensor = parameter.value;
    if (tensor.scalar_type() != torch::kFloat32) {
      return refuse("has a parameter " + prefix + parameter.name + " of type " +
                    torch::toString(tensor.scalar_type()) +
                    "; convert the module with .float() before torch.jit.script");
    }
    const auto [known, is_new] =
        seen_.try_emplace({tensor.storage().data(), tensor.storage_offset()}, tensor);
    if (!is_new && known->second.sizes() == tensor.sizes()) {
      part.setattr(parameter.name, known->second);
      const auto first = std::ranges::find_if(
          tensors, [&](const NamedTensor& one) { return one.tensor.is_same(known->second); });
      if (first != tensors.end()) tied_[first->name].push_back(prefix + parameter.name);
      continue;
    }
    if (!tensor.is_contiguous()) tensor.set_data(tensor.contiguous());
    tensors.push_back({prefix + parameter.name, tensor});
  }
  return {};
}

Status ScriptModel::add_buffers(const torch::jit::Module& part, const std::string& prefix) {
  for (const auto& buffer : part.named_buffers(/*recurse=*/false)) {
    const torch::Tensor tensor = buffer.value;
    if (tensor.scalar_type() != torch::kFloat32) continue;  // counters and masks stay at the site
    if (!tensor.is_contiguous()) tensor.set_data(tensor.contiguous());
    tensors.push_back({prefix + buffer.name, tensor});
  }
  return {};
}

Status ScriptModel::collect_tensors() {
  torch::NoGradGuard no_gradients;
  const auto prefix = [](const std::string& name) { return name.empty() ? name : name + "."; };
  for (const auto& part : module_.named_modules())
    TRIB_CHECK_OK(add_parameters(part.value, prefix(part.name)));
  parameters = tensors.size();
  if (parameters == 0) {
    return refuse(
        "has no parameters, so there is nothing to train: it was frozen or optimised for "
        "inference; save "
        "the result of torch.jit.script, without torch.jit.freeze");
  }
  const auto trains = [](const NamedTensor& tensor) { return tensor.tensor.requires_grad(); };
  if (std::none_of(tensors.begin(), tensors.end(), trains)) {
    return refuse(
        "has only parameters with requires_grad=False; save it with those to be trained switched "
        "on");
  }
  for (const auto& part : module_.named_modules())
    TRIB_CHECK_OK(add_buffers(part.value, prefix(part.name)));
  return {};
}

// At every place of the module that has it.
void ScriptModel::use_tensor(std::size_t at, const torch::Tensor& tensor) {
  const std::string& name = tensors[at].name;
  put(name, tensor);
  for (const std::string& other : tied_[name]) put(other, tensor);
  tensors[at].tensor = tensor;
}

void ScriptModel::put(const std::string& name, const torch::Tensor& tensor) {
  torch::jit::Module part = module_;
  std::string_view rest = name;
  for (std::size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    part = part.attr(std::string(rest.substr(0, dot))).toModule();
    rest.remove_prefix(dot + 1);
  }
  part.setattr(std::string(rest), tensor);
}

// A buffer that forward() assigns to (self.mean = ...) is another tensor afterwards. One that has
// another shape or type by then does not travel.
void ScriptModel::refresh_tensors() {
  ScriptModel now(module_, random_);
  if (!now.collect_tensors() || now.tensors.size() != tensors.size()) return;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (now.tensors[i].tensor.sizes() == tensors[i].tensor.sizes()) tensors[i] = now.tensors[i];
  }
}

// The whole module: it may keep more than what travels, such as counters, and share memory between
// its parts.
void ScriptModel::save_state(StateWriter& to) const {
  std::ostringstream module;
  module_.save(module);
  to.bytes(as_bytes(module.view()));
  if (random_) save_generator(to, at::detail::getDefaultCPUGenerator());
}

Status ScriptModel::restore_state(StateReader& from) {
  TRIB_TRY(bytes, from.bytes());
  TRIB_TRY(module, load_module(bytes));
  module_ = std::move(module);
  tensors.clear();
  seen_.clear();
  tied_.clear();
  TRIB_CHECK_OK(collect_tensors());
  return random_ ? restore_generator(from, at::detail::getDefaultCPUGenerator()) : Status{};
}

std::string shape_text(c10::IntArrayRef sizes) {
  std::string text = "[";
  for (const std::int64_t size : sizes)
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

// One step on zeros, on a copy (batch statistics move): does it take this input and give this many
// outputs?
Status try_out(const torch::jit::Module& original, const ModelRequest& request) {
  torch::jit::GraphOptimizerEnabledGuard plain(false);
  constexpr std::int64_t kRows = 2;
  const auto input = torch::zeros(batch_shape(kRows, request.input_shape));
  torch::jit::Module module = original.deepcopy();
  for (const bool training : {false, true}) {
    module.train(training);
    const c10::IValue value = module.forward({input});
    if (!value.isTensor())
      return refuse("returns " + value.tagKind() + " from forward; return one tensor");
    const torch::Tensor output = value.toTensor();
    std::vector<std::int64_t> wanted = {kRows, request.outputs};
    if (labels_places(request.target))
      wanted.insert(wanted.end(), request.target_shape.begin(), request.target_shape.end());
    const bool row_of_numbers = request.outputs == 1 && output.sizes() == c10::IntArrayRef{kRows};
    const bool as_inputs =
        request.target == TargetKind::kUnlabelled && output.sizes() == input.sizes();
    if (!row_of_numbers && !as_inputs && output.sizes() != c10::IntArrayRef(wanted)) {
      return refuse("gives outputs of shape " + shape_text(output.sizes()) +
                    " for inputs of shape " + shape_text(input.sizes()) +
                    "; this job's target needs " + shape_text(wanted) +
                    " (logits, no softmax or sigmoid)");
    }
    if (training) output.sum().backward();
  }
  return {};
}

Result<TorchModelPtr> build_torchscript(const ModelRequest& request) {
  if (request.module_file.empty()) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "family torchscript needs the module's file: set model.file to what torch.jit.save wrote");
  }
  TRIB_TRY(module, guarded("loading the TorchScript module",
                           [&] { return load_module(request.module_file); }));
  return guarded("trying out the TorchScript module", [&]() -> Result<TorchModelPtr> {
    TRIB_TRY(found, inspect_forward(module));
    if (!found.fixed_switch.empty()) {
      return refuse("runs " + found.fixed_switch +
                    " with its train/eval switch fixed: it was made by "
                    "torch.jit.trace; use torch.jit.script (in functional calls, pass "
                    "training=self.training)");
    }
    const auto model = std::make_shared<ScriptModel>(module, found.random);
    model->mixes_rows = found.mixes_rows;
    TRIB_CHECK_OK(model->collect_tensors());
    TRIB_CHECK_OK(try_out(module, request));
    return TorchModelPtr(model);
  });
}

}  // namespace

const ModelFamily& torchscript_family() {
  static constexpr ModelFamily kFamily{
      "torchscript", "a module scripted in Python with torch.jit.script (model.file)",
      build_torchscript};
  return kFamily;
}

}  // namespace tributary

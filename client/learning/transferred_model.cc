// SPDX-License-Identifier: Apache-2.0
#include "client/learning/transferred_model.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "common/base/random_source.h"
#include "common/base/text.h"
#include "common/tensor/safetensors.h"

namespace tributary {
namespace {

Error refuse(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

bool names(const std::vector<std::string>& patterns, const std::string& tensor) {
  return std::ranges::any_of(patterns, [&tensor](const std::string& pattern) {
    return fnmatch(pattern.c_str(), tensor.c_str(), 0) == 0;
  });
}

// Values of a start file by the tensor's name.
struct StartTensor {
  std::vector<std::int64_t> shape;
  std::span<const float> values;
};

class TransferredModel final : public TorchModel {
 public:
  TransferredModel(TorchModelPtr inner, const TransferSpec& spec, Model start)
      : inner_(std::move(inner)), spec_(spec), start_(std::move(start)) {
    mixes_rows = inner_->mixes_rows;
    std::size_t at = 0;
    for (const TensorInfo& tensor : start_.layout.tensors) {
      const std::size_t count = element_count(tensor);
      from_[tensor.name] = {tensor.shape, std::span(start_.values).subspan(at, count)};
      at += count;
    }
  }

  // Before anything else.
  Status open(std::uint64_t job_seed);

  torch::Tensor forward(const torch::Tensor& inputs) override {
    put_adapted();
    return inner_->forward(inputs);
  }
  torch::Tensor forward_traced(const torch::Tensor& inputs, std::vector<LayerUse>& uses) override {
    if (trains_all()) return inner_->forward_traced(inputs, uses);
    return {};
  }
  torch::Tensor forward_alone(const torch::Tensor& inputs, std::uint64_t seed) override {
    put_adapted();
    return inner_->forward_alone(inputs, seed);
  }
  torch::Tensor extra_loss() override { return inner_->extra_loss(); }
  void watch(Watched* to) override { inner_->watch(to); }
  void set_training(bool training) override { inner_->set_training(training); }
  std::unique_lock<std::mutex> seed_randomness(std::uint64_t seed) override {
    return inner_->seed_randomness(seed);
  }
  void initialize(std::uint64_t job_seed) override;
  void save(std::ostream& file) override;
  void refresh_tensors() override {
    inner_->refresh_tensors();
    collect_tensors();
  }
  void save_state(StateWriter& to) const override;
  Status restore_state(StateReader& from) override;

 private:
  struct Adapter {
    std::size_t at;      // of the weight in the inner model
    torch::Tensor base;  // what it is without
    torch::Tensor a, b;
  };

  bool trains_all() const { return spec_.freeze.empty() && adapters_.empty(); }
  bool adapts(std::size_t at) const {
    return std::ranges::any_of(adapters_, [at](const Adapter& one) { return one.at == at; });
  }
  bool is_fixed(std::size_t at) const {
    return adapts(at) || names(spec_.freeze, inner_->tensors[at].name);
  }
  Status add_adapters();
  Status check_freeze() const;
  Status check_start() const;
  void collect_tensors();
  torch::Tensor adapted(const Adapter& one) const {
    const double scale = spec_.lora->alpha / static_cast<double>(spec_.lora->rank);
    return one.base + at::matmul(one.b, one.a) * scale;
  }
  void put_adapted() {
    for (const Adapter& one : adapters_) inner_->use_tensor(one.at, adapted(one));
  }
  void put_bases() const {
    for (const Adapter& one : adapters_) inner_->use_tensor(one.at, one.base);
  }

  TorchModelPtr inner_;
  const TransferSpec spec_;
  const Model start_;
  std::map<std::string, StartTensor> from_;
  std::vector<Adapter> adapters_;
};

Status TransferredModel::open(std::uint64_t job_seed) {
  TRIB_CHECK_OK(check_freeze());
  TRIB_CHECK_OK(add_adapters());
  TRIB_CHECK_OK(check_start());
  collect_tensors();
  const auto trained = [](const NamedTensor& one) { return one.tensor.requires_grad(); };
  if (std::ranges::none_of(tensors, trained))
    return refuse("transfer.freeze: no tensor of the model is left to train");
  if (!trains_all()) initialize(job_seed);  // what does not travel is there from now on
  return {};
}

Status TransferredModel::check_freeze() const {
  for (const std::string& pattern : spec_.freeze) {
    const auto named = [&](const NamedTensor& one) { return names({pattern}, one.name); };
    if (std::ranges::any_of(inner_->tensors, named)) continue;
    return refuse("transfer.freeze: the model has no tensor " + tributary::quoted(pattern));
  }
  return {};
}

Status TransferredModel::add_adapters() {
  if (!spec_.lora) return {};
  const auto& [rank, alpha, targets] = *spec_.lora;
  for (const std::string& pattern : targets) {
    bool found = false;
    for (std::size_t i = 0; i < inner_->parameters; ++i) {
      const auto& [name, tensor] = inner_->tensors[i];
      if (tensor.dim() != 2 || !names({pattern}, name)) continue;
      found = true;
      if (adapts(i)) continue;
      const auto zeros = [](std::int64_t rows, std::int64_t columns) {
        return torch::zeros({rows, columns}).requires_grad_();
      };
      adapters_.push_back({i, tensor, zeros(rank, tensor.size(1)), zeros(tensor.size(0), rank)});
    }
    if (!found) {
      return refuse("transfer.lora.targets: the model has no weight of two dimensions named " +
                    tributary::quoted(pattern));
    }
  }
  std::ranges::sort(adapters_, {}, &Adapter::at);
  return {};
}

// Against the model, before a value is taken.
Status TransferredModel::check_start() const {
  if (!spec_.start) return {};
  std::size_t taken = 0;
  for (std::size_t i = 0; i < inner_->tensors.size(); ++i) {
    const auto& [name, tensor] = inner_->tensors[i];
    const auto found = from_.find(name);
    const bool fits = found != from_.end() && tensor.sizes() == found->second.shape;
    taken += fits ? 1 : 0;
    if (fits || !is_fixed(i)) continue;
    return refuse("transfer.start: the file " +
                  std::string(found == from_.end() ? "lacks " : "has another shape for ") +
                  tributary::quoted(name) + ", which is not trained");
  }
  if (taken > 0) return {};
  return refuse("transfer.start: no tensor of the file has name and shape of one of the model's");
}

// In the inner model's order; a weight's adapters stand in its place.
void TransferredModel::collect_tensors() {
  tensors.clear();
  for (std::size_t i = 0; i < inner_->tensors.size(); ++i) {
    if (i == inner_->parameters) parameters = tensors.size();
    const auto& [name, tensor] = inner_->tensors[i];
    const auto adapter = std::ranges::find(adapters_, i, &Adapter::at);
    if (adapter != adapters_.end()) {
      adapter->base.set_requires_grad(false);
      const std::string_view suffix = ".weight";
      const std::string stem =
          name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
      tensors.push_back({stem + ".lora_a", adapter->a});
      tensors.push_back({stem + ".lora_b", adapter->b});
    } else if (is_fixed(i)) {
      torch::Tensor fixed = tensor;
      fixed.set_requires_grad(false);
    } else {
      tensors.push_back({name, tensor});
    }
  }
  if (inner_->parameters == inner_->tensors.size()) parameters = tensors.size();
}

void TransferredModel::initialize(std::uint64_t job_seed) {
  put_bases();
  inner_->initialize(job_seed);
  for (const NamedTensor& named : inner_->tensors) {
    const auto found = from_.find(named.name);
    if (found != from_.end() && named.tensor.sizes() == found->second.shape)
      std::ranges::copy(found->second.values, values_of(named.tensor).begin());
  }
  for (const Adapter& one : adapters_) {
    SeededRandom random(derive_seed(job_seed, "lora", one.at));
    const double spread = 1.0 / std::sqrt(static_cast<double>(one.a.size(1)));
    for (float& value : values_of(one.a))
      value = static_cast<float>(spread * (2.0 * random.uniform() - 1.0));
    std::ranges::fill(values_of(one.b), 0.0F);
  }
}

// Whole: whoever opens it needs to know nothing of adapters.
void TransferredModel::save(std::ostream& file) {
  for (const Adapter& one : adapters_)
    inner_->use_tensor(one.at, adapted(one).detach().contiguous().requires_grad_());
  inner_->save(file);
  put_bases();
}

void TransferredModel::save_state(StateWriter& to) const {
  put_bases();
  inner_->save_state(to);
  for (const Adapter& one : adapters_) {
    to.floats(values_of(one.a));
    to.floats(values_of(one.b));
  }
}

Status TransferredModel::restore_state(StateReader& from) {
  put_bases();
  TRIB_CHECK_OK(inner_->restore_state(from));
  for (Adapter& one : adapters_) {
    if (one.at >= inner_->tensors.size())
      return make_error(ErrorCode::kDataLoss, "another number of tensors");
    one.base = inner_->tensors[one.at].tensor;
    for (const torch::Tensor& half : {one.a, one.b}) {
      TRIB_TRY(values, from.floats());
      const auto to = values_of(half);
      if (values.size() != to.size())
        return make_error(ErrorCode::kDataLoss, "another number of values for an adapter");
      std::ranges::copy(values, to.begin());
    }
  }
  collect_tensors();
  return {};
}

}  // namespace

Result<TorchModelPtr> transferred(TorchModelPtr model, const JobSpec& job, ByteView file) {
  Model start;
  if (job.transfer.start) {
    Result<Model> read = decode_safetensors(file);
    if (!read) {
      return refuse("transfer.start: the file is no safetensors file: " + read.error().message);
    }
    start = *std::move(read);
  }
  const auto made =
      std::make_shared<TransferredModel>(std::move(model), job.transfer, std::move(start));
  TRIB_CHECK_OK(made->open(job.seed));
  return TorchModelPtr(made);
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// A model of which made-up rows are drawn: each column's shares below some knots, and how the
// columns go together (copula.h). One step of sgd with rate 1 over all rows makes its weights the
// means over them.
#include "client/learning/copula.h"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "client/learning/layers.h"
#include "client/learning/torch_model.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

class CopulaModel final : public TorchModel {
 public:
  explicit CopulaModel(const CopulaShape& shape) : shape_(shape) {
    // The first tensor's second size is the number of inputs, as in all families for tables.
    tensors.push_back(
        {"marginals.shares", torch::zeros({shape.knots, shape.columns}).requires_grad_()});
    tensors.push_back({"scores.products",
                       torch::zeros({static_cast<std::int64_t>(shape.pairs())}).requires_grad_()});
    parameters = tensors.size();
    made_of_means = true;
  }

  // Each column as the others let it be expected: an evaluation says how much they tell of it.
  torch::Tensor forward(const torch::Tensor& inputs) override {
    const torch::Tensor rows = inputs.flatten(1).contiguous();
    torch::Tensor expected = torch::empty_like(rows);
    const CopulaExpectation expectation(marginals(), products());
    const auto from = values_of(rows), to = values_of(expected);
    const auto width = static_cast<std::size_t>(shape_.columns);
    for (std::size_t at = 0; at < from.size(); at += width)
      expectation.of(from.subspan(at, width), to.subspan(at, width));
    return expected;
  }
  torch::Tensor forward_alone(const torch::Tensor& inputs, std::uint64_t) override {
    return forward(inputs);
  }
  torch::Tensor sums_over(const torch::Tensor& inputs) override {
    const torch::Tensor rows = inputs.flatten(1).contiguous();
    torch::Tensor sums =
        torch::zeros({static_cast<std::int64_t>(shape_.shares() + shape_.pairs())}, torch::kDouble);
    const std::span<double> to(sums.data_ptr<double>(), static_cast<std::size_t>(sums.numel()));
    // The scores are those of the model as the training got it, whose steps move the weights.
    if (!start_) {
      const auto shares = values_of(tensors[0].tensor);
      start_shares_.assign(shares.begin(), shares.end());
      start_.emplace(shape_, start_shares_);
    }
    const auto from = values_of(rows);
    const auto width = static_cast<std::size_t>(shape_.columns);
    for (std::size_t at = 0; at < from.size(); at += width)
      start_->add_row(from.subspan(at, width), to);
    return sums;
  }
  torch::Tensor generate(std::int64_t rows, std::uint64_t seed,
                         std::span<const WordGroup> groups) override {
    const CopulaSampler sampler(marginals(), products(), groups);
    torch::Tensor made = torch::empty({rows, shape_.columns});
    SeededRandom random(seed);
    const auto to = values_of(made);
    const auto width = static_cast<std::size_t>(shape_.columns);
    for (std::size_t at = 0; at < to.size(); at += width)
      sampler.draw(random, to.subspan(at, width));
    return made;
  }
  void set_training(bool) override {}
  std::unique_lock<std::mutex> seed_randomness(std::uint64_t) override { return {}; }
  // Standardised columns of which nothing is known: normal, and each by itself.
  void initialize(std::uint64_t) override {
    const std::vector<double> knots = knots_of(shape_);
    const auto shares = values_of(tensors[0].tensor);
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const std::size_t knot = i / static_cast<std::size_t>(shape_.columns);
      shares[i] = static_cast<float>(normal_share(knots[knot]));
    }
  }
  void save(std::ostream&) override {
    throw std::runtime_error(
        "family copula is no network that Python could run; `tributary-client synthesize` makes "
        "rows of it");
  }
  void save_state(StateWriter& to) const override {
    for (const NamedTensor& named : tensors) to.floats(values_of(named.tensor));
    to.floats(start_shares_);
  }
  Status restore_state(StateReader& from) override;

 private:
  CopulaMarginals marginals() const { return {shape_, values_of(tensors[0].tensor)}; }
  std::span<const float> products() const { return values_of(tensors[1].tensor); }

  CopulaShape shape_;
  std::vector<float> start_shares_;  // empty: no row was seen yet
  std::optional<CopulaMarginals> start_;
};

Status CopulaModel::restore_state(StateReader& from) {
  for (const NamedTensor& named : tensors) {
    TRIB_TRY(values, from.floats());
    const auto to = values_of(named.tensor);
    if (values.size() != to.size())
      return make_error(ErrorCode::kDataLoss, "another number of values for " + named.name);
    std::ranges::copy(values, to.begin());
  }
  TRIB_TRY(shares, from.floats());
  if (!shares.empty() && shares.size() != shape_.shares())
    return make_error(ErrorCode::kDataLoss, "another number of shares");
  start_shares_ = std::move(shares);
  start_.reset();
  if (!start_shares_.empty()) start_.emplace(shape_, start_shares_);
  return {};
}

Result<TorchModelPtr> build_copula(const ModelRequest& request) {
  CopulaShape shape{features_of(request.input_shape),
                    option<std::int64_t>(request.options, "knots"),
                    option<double>(request.options, "range")};
  if (shape.columns < 1 || shape.columns > kCopulaColumnsMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "family copula is for 1 to " + std::to_string(kCopulaColumnsMax) +
                          " inputs, and these are " + std::to_string(shape.columns) +
                          "; leave columns out, or words of a category");
  }
  return guarded("building the model", [&]() -> Result<TorchModelPtr> {
    return TorchModelPtr(std::make_shared<CopulaModel>(shape));
  });
}

}  // namespace

const ModelFamily& copula_family() {
  static constexpr ModelFamily kFamily{
      "copula", "a Gaussian copula, of which made-up rows are drawn", build_copula, nullptr, true};
  return kFamily;
}

}  // namespace tributary

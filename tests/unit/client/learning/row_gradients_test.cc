// SPDX-License-Identifier: Apache-2.0
// Gradients of single rows against autograd, one row at a time, for each kind of layer; and that
// nothing of one row reaches the share of another.
#include "client/learning/row_gradients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "tests/unit/client/learning/model_kinds.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using Tensors = std::vector<torch::Tensor>;

constexpr double kNoClip = 1e30;

torch::Tensor loss_of(const JobSpec& job, InDouble& model, const Rows& rows) {
  const torch::Tensor outputs = model.forward(rows.inputs);
  const torch::Tensor target = rows.targets;
  switch (job.data.target) {
    case TargetKind::kBinary:
      return at::binary_cross_entropy_with_logits(outputs.reshape({-1}), target.to(torch::kDouble),
                                                  {}, {}, at::Reduction::Sum);
    case TargetKind::kClasses:
    case TargetKind::kSegmentation:
    case TargetKind::kTokens: {
      const torch::Tensor said = at::log_softmax(outputs, 1);
      const torch::Tensor right = said.gather(1, target.clamp_min(0).unsqueeze(1)).squeeze(1);
      return -(right * (target >= 0)).sum();
    }
    case TargetKind::kRegression:
    case TargetKind::kUnlabelled:
      return (outputs.reshape(target.sizes()) - target).square().sum();
  }
  return {};
}

Tensors gradients_of(const JobSpec& job, InDouble& model, const Rows& rows) {
  return torch::autograd::grad({loss_of(job, model, rows)}, model.weights());
}

double norm_of(const Tensors& tensors) {
  double squares = 0;
  for (const torch::Tensor& tensor : tensors) squares += tensor.square().sum().item<double>();
  return std::sqrt(squares);
}

// By autograd, each row by itself, clipped.
Tensors reference(const JobSpec& job, InDouble& model, const Rows& rows, double clip) {
  Tensors sums;
  for (const torch::Tensor& weight : model.weights()) sums.push_back(torch::zeros_like(weight));
  for (std::int64_t row = 0; row < rows.inputs.size(0); ++row) {
    const Tensors gradients = gradients_of(job, model, rows.some(row, 1));
    const double scale = std::min(1.0, clip / norm_of(gradients));
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += gradients[i] * scale;
  }
  return sums;
}

Tensors summed(TorchModel& model, const JobSpec& job, const Rows& rows, double clip,
               std::int64_t chunk) {
  SeededRandom random(1);
  RowGradients gradients(model, job.data.target, clip, random);
  for (std::int64_t at = 0; at < rows.inputs.size(0); at += chunk) {
    const std::int64_t count = std::min(chunk, rows.inputs.size(0) - at);
    const Rows part = rows.some(at, count);
    EXPECT_TRUE(gradients.add(part.inputs, part.targets));
  }
  Tensors sums;
  for (const torch::Tensor& sum : gradients.sums()) sums.push_back(sum.clone());
  return sums;
}

void expect_near(const Tensors& found, const Tensors& expected, double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  const double scale = norm_of(expected) + 1e-12;
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_LT((found[i] - expected[i]).abs().max().item<double>(), tolerance * scale) << i;
}

constexpr double kExact = 1e-9;   // both in double precision
constexpr double kSingle = 2e-6;  // modules are run as they are, in single precision

TEST(RowGradients, AreThoseOfAutogradForEachKindOfLayer) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.name);
    const JobSpec job = job_of(kind);
    const TorchModelPtr model = model_of(job, kind.shape);
    InDouble same(*model, job, kind.shape);
    const Rows rows = rows_for(job, kind.shape, 3);
    for (std::int64_t row = 0; row < 3; ++row) {
      const Tensors expected = gradients_of(job, same, rows.some(row, 1));
      const Tensors found = summed(*model, job, rows.some(row, 1), kNoClip, 1);
      expect_near(found, expected, kExact);
      // The norm is found on another way than the gradient: clipped to it, nothing changes.
      const double norm = norm_of(expected);
      expect_near(summed(*model, job, rows.some(row, 1), norm * (1 + kExact), 1), expected, kExact);
      EXPECT_NEAR(norm_of(summed(*model, job, rows.some(row, 1), norm / 2, 1)), norm / 2,
                  norm * kExact);
    }
  }
}

TEST(RowGradients, EachIsClippedByItsWholeNormBeforeTheyAreAdded) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.name);
    const JobSpec job = job_of(kind);
    const TorchModelPtr model = model_of(job, kind.shape);
    InDouble same(*model, job, kind.shape);
    const Rows rows = rows_for(job, kind.shape, 9);
    std::vector<double> norms;
    for (std::int64_t row = 0; row < 9; ++row)
      norms.push_back(norm_of(gradients_of(job, same, rows.some(row, 1))));
    std::ranges::sort(norms);
    const double middle = (norms[4] + norms[5]) / 2;  // some are clipped, some are not
    expect_near(summed(*model, job, rows, middle, 9), reference(job, same, rows, middle), kExact);
    expect_near(summed(*model, job, rows, middle, 4), summed(*model, job, rows, middle, 9), 1e-12);
  }
}

TEST(RowGradients, WithoutAClipTheirSumIsTheGradientOfTheBatch) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.name);
    const JobSpec job = job_of(kind);
    const TorchModelPtr model = model_of(job, kind.shape);
    InDouble same(*model, job, kind.shape);
    const Rows rows = rows_for(job, kind.shape, 7);
    expect_near(summed(*model, job, rows, kNoClip, 7), gradients_of(job, same, rows), kExact);
  }
}

// What the noise is measured by: whether a row is there.
TEST(RowGradients, ARowMovesTheSumByTheClipAndNoFurther) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.name);
    const JobSpec job = job_of(kind);
    const TorchModelPtr model = model_of(job, kind.shape);
    const Rows rows = rows_for(job, kind.shape, 6);
    constexpr double kClip = 1e-3;  // far below any of their norms
    const Tensors without = summed(*model, job, rows.some(0, 5), kClip, 5);
    Tensors moved = summed(*model, job, rows, kClip, 6);
    for (std::size_t i = 0; i < moved.size(); ++i) moved[i] -= without[i];
    EXPECT_NEAR(norm_of(moved), kClip, kClip * 1e-9);
  }
}

// Whoever makes the model may want that: weights of which the products cancel on a blank picture,
// so that a norm found from products alone would be nothing, or less, beside its own rounding.
TEST(RowGradients, NoWeightsMakeARowLongerThanTheClip) {
  const JobSpec job = job_of("cnn",
                             {{"channels", std::vector<std::int64_t>{64}},
                              {"dense", std::vector<std::int64_t>{}},
                              {"pool", std::int64_t{1}},
                              {"padding", std::string("valid")}},
                             TargetKind::kBinary);
  const std::vector<std::int64_t> shape = {3, 4, 4};
  torch::manual_seed(5);
  for (const auto& [pixel, weight] :
       {std::pair{1.0, 1.0}, {1.0, 1e7}, {255.0, 1e5}, {65535.0, 1e6}}) {
    double longest = 0;
    for (int i = 0; i < 40; ++i) {
      const TorchModelPtr model = model_of(job, shape);
      const torch::NoGradGuard plain;
      model->tensors[0].tensor.zero_();
      model->tensors[1].tensor.fill_(1e-3);
      const torch::Tensor places = torch::randn({64, 4}) * weight;
      places.select(1, 3).copy_(-places.narrow(1, 0, 3).sum(1));
      model->tensors[2].tensor.copy_(places.reshape({1, -1}));
      const Rows blank{torch::full({1, 3, 4, 4}, pixel), torch::ones({1})};
      const torch::AutoGradMode on(true);
      longest = std::max(longest, norm_of(summed(*model, job, blank, 1.0, 1)));
    }
    EXPECT_LE(longest, 1 + 1e-9) << pixel << " " << weight;
    EXPECT_GT(longest, 0) << pixel << " " << weight << ": not taken for no number";
  }
}

TEST(RowGradients, RowsThatAreNoNumbersAddNothingAndSpoilNothing) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.name);
    const JobSpec job = job_of(kind);
    const TorchModelPtr model = model_of(job, kind.shape);
    Rows rows = rows_for(job, kind.shape, 4);
    const Rows fine{rows.inputs.narrow(0, 1, 2).clone(), rows.targets.narrow(0, 1, 2).clone()};
    if (reads_ids(job)) {  // an id is a number
      if (rows.targets.scalar_type() == torch::kInt64) continue;
      rows.targets[0].fill_(std::numeric_limits<float>::quiet_NaN());
      rows.targets[3].fill_(std::numeric_limits<float>::infinity());
      expect_near(summed(*model, job, rows, 1.0, 4), summed(*model, job, fine, 1.0, 2), 1e-12);
      continue;
    }
    rows.inputs[0].fill_(std::numeric_limits<float>::quiet_NaN());
    rows.inputs[3].fill_(std::numeric_limits<float>::infinity());
    expect_near(summed(*model, job, rows, 1.0, 4), summed(*model, job, fine, 1.0, 2), 1e-12);
  }
}

TEST(RowGradients, LayersWithoutAHookAreRunRowByRowWithTheSameOutcome) {
  for (const Kind& kind : kinds_without_hooks()) {
    if (std::string(kind.family) != "rnn")
      continue;  // batch norm and noise have no row of their own
    SCOPED_TRACE(kind.name);
    const JobSpec job = job_of(kind);
    const TorchModelPtr model = model_of(job, kind.shape);
    InDouble same(*model, job, kind.shape);
    const Rows rows = rows_for(job, kind.shape, 5);
    const Tensors whole = reference(job, same, rows, kNoClip);
    expect_near(summed(*model, job, rows, kNoClip, 5), whole, kSingle);
    const double clip = norm_of(gradients_of(job, same, rows.some(0, 1))) / 2;
    expect_near(summed(*model, job, rows, clip, 5), reference(job, same, rows, clip), kSingle);
  }
}

TEST(RowGradients, AModuleIsTrainedRowByRowWithTheSameOutcome) {
  const JobSpec job =
      job_of("mlp", {{"hidden", std::vector<std::int64_t>{4}}}, TargetKind::kBinary);
  JobSpec scripted = job;
  scripted.model = {"torchscript", {}};
  const Model initial = *initial_model(job, {3}, {});
  const Bytes file = *export_torchscript(job, initial, {3}, {});
  const TorchModelPtr model = model_of(scripted, {3}, file);
  InDouble same(file);
  const Rows rows = rows_for(job, {3}, 6);
  const Tensors expected = reference(job, same, rows, 0.3);
  ASSERT_GT(norm_of(expected), 0.1);
  expect_near(summed(*model, job, rows, 0.3, 6), expected, kSingle);
}

// It would carry rows over into the gradients of others; here it is a copy that does, and is gone.
TEST(RowGradients, AModuleThatRemembersRowsHasForgottenThemByTheNext) {
  JobSpec job;
  job.model = {"torchscript", {}};
  torch::jit::Module counting("__torch__.Counting");
  counting.register_attribute("training", c10::BoolType::get(), true);
  counting.register_parameter("weight", torch::ones({1, 3}).requires_grad_(), false);
  counting.register_buffer("seen", torch::zeros({}, torch::kInt64));
  counting.define(R"(
def forward(self, x):
    self.seen.add_(1)
    return torch.linear(x, self.weight) * self.seen
)");
  const TorchModelPtr model = model_of(job, {3}, file_of(counting));
  const Rows rows = rows_for(job, {3}, 4);
  const Rows first{rows.inputs.narrow(0, 3, 1), rows.targets.narrow(0, 3, 1)};
  const Tensors alone = summed(*model, job, first, kNoClip, 1);
  Rows twice{torch::cat({first.inputs, first.inputs}), torch::cat({first.targets, first.targets})};
  Tensors both = summed(*model, job, twice, kNoClip, 2);
  ASSERT_GT(norm_of(alone), 0.01);
  for (torch::Tensor& sum : both) sum /= 2;
  expect_near(both, alone, 1e-12);
}

TEST(RowGradients, AModuleThatFailsOnARowTellsNobody) {
  torch::jit::Module module = linear_module(R"(
def forward(self, x):
    if bool((x > 100.0).any()):
        x = x.reshape([7, 7])
    return torch.linear(x, self.weight)
)");
  JobSpec job;
  job.model = {"torchscript", {}};
  const TorchModelPtr model = model_of(job, {3}, file_of(module));
  Rows rows = rows_for(job, {3}, 3);
  const Rows others{rows.inputs.narrow(0, 1, 2).clone(), rows.targets.narrow(0, 1, 2)};
  rows.inputs[0][0] = 1000.0;
  expect_near(summed(*model, job, rows, 1.0, 3), summed(*model, job, others, 1.0, 2), 1e-12);
}

TEST(RowGradients, BuffersThatTravelAreRefused) {
  torch::jit::Module module("__torch__.Shifted");
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_parameter("weight", torch::ones({1, 3}).requires_grad_(), false);
  module.register_buffer("mean", torch::zeros({1}));
  module.define(R"(
def forward(self, x):
    return torch.linear(x, self.weight) - self.mean
)");
  JobSpec job;
  job.model = {"torchscript", {}};
  EXPECT_TRUE(initial_model(job, {3}, file_of(module)));
  job.privacy.records.emplace();
  const auto refused = initial_model(job, {3}, file_of(module));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("'mean' is a buffer"));
}

// Also where it keeps no statistics, as with track_running_stats=False.
TEST(RowGradients, AModuleThatMixesRowsIsRefused) {
  const torch::jit::Module module = linear_module(R"(
def forward(self, x):
    of_the_batch = self.training or not self.training
    x = torch.batch_norm(x, None, None, None, None, of_the_batch, 0.1, 1e-5, False)
    return torch.linear(x, self.weight)
)");
  JobSpec job;
  job.model = {"torchscript", {}};
  EXPECT_TRUE(initial_model(job, {3}, file_of(module)));
  job.privacy.records.emplace();
  const auto refused = initial_model(job, {3}, file_of(module));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("'batch_norm', which mixes the rows"));
  EXPECT_THAT(refused.error().message, HasSubstr("take group norm or layer norm"));
}

// A dense layer, of which it tells the weight and bias so many times, and a scale, of which it
// tells nothing.
class Forgetful final : public TorchModel {
 public:
  Forgetful(int told, bool scaled) : told_(told) {
    tensors = {{"dense.weight", torch::ones({1, 2}).requires_grad_()},
               {"dense.bias", torch::ones({1}).requires_grad_()}};
    if (scaled) tensors.push_back({"scale", torch::ones({1}).requires_grad_()});
    parameters = tensors.size();
  }
  torch::Tensor forward(const torch::Tensor& inputs) override { return inputs; }
  torch::Tensor forward_traced(const torch::Tensor& inputs, std::vector<LayerUse>& uses) override {
    const torch::Tensor x = inputs.to(torch::kDouble);
    const torch::Tensor y = x.sum(1, true).requires_grad_();
    for (int i = 0; i < told_; ++i) uses.push_back({0, y, DenseUse{x}});
    return y;
  }
  torch::Tensor forward_alone(const torch::Tensor& inputs, std::uint64_t) override {
    return inputs;
  }
  void set_training(bool) override {}
  std::unique_lock<std::mutex> seed_randomness(std::uint64_t) override { return {}; }
  void initialize(std::uint64_t) override {}
  void save(std::ostream&) override {}
  void save_state(StateWriter&) const override {}
  Status restore_state(StateReader&) override { return {}; }

 private:
  int told_;
};

TEST(RowGradients, ALayerWithoutAHookIsAnErrorAndNoWrongNorm) {
  SeededRandom random(1);
  const auto add = [&](Forgetful model) {
    RowGradients gradients(model, TargetKind::kRegression, 1.0, random);
    return gradients.add(torch::ones({3, 2}), torch::zeros({3}));
  };
  EXPECT_TRUE(add(Forgetful(1, false)));
  const Status forgotten = add(Forgetful(1, true));
  ASSERT_FALSE(forgotten);
  EXPECT_EQ(forgotten.error().code, ErrorCode::kInternal);
  EXPECT_THAT(forgotten.error().message, HasSubstr("not known for scale"));
  EXPECT_FALSE(add(Forgetful(2, false))) << "the norm of a sum is not the sum of norms";
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Gradients of single rows against autograd, one row at a time, for each kind of layer; and that
// nothing of one row reaches the share of another.
#include "client/learning/row_gradients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "client/learning/examples.h"
#include "client/learning/learner.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/script_module.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using Tensors = std::vector<torch::Tensor>;

constexpr double kNoClip = 1e30;

JobSpec job_of(const std::string& family, const OptionMap& options, TargetKind target) {
  JobSpec job;
  job.model = choose(model_families(), family, options);
  job.data.target = target;
  job.data.classes = 4;
  return job;
}

// Some rows that fit a model.
struct Rows {
  torch::Tensor inputs, targets;
};

Rows rows_for(const JobSpec& job, std::vector<std::int64_t> shape, std::int64_t count) {
  SeededRandom random(8);
  std::int64_t values = count;
  for (const std::int64_t size : shape) values *= size;
  shape.insert(shape.begin(), count);
  Rows rows;
  rows.inputs = torch::empty(shape);
  for (float& value : values_of(rows.inputs)) value = static_cast<float>(random.normal());
  rows.targets = torch::empty({count});
  for (float& value : values_of(rows.targets))
    value =
        static_cast<float>(random.uniform_below(job.data.target == TargetKind::kClasses ? 4 : 2));
  if (job.data.target == TargetKind::kClasses) rows.targets = rows.targets.to(torch::kInt64);
  return rows;
}

TorchModelPtr model_of(const JobSpec& job, const std::vector<std::int64_t>& shape,
                       ByteView file = {}) {
  const auto model = build_model(job, shape, file);
  EXPECT_TRUE(model) << (model ? "" : model.error().message);
  (*model)->initialize(3);
  (*model)->set_training(true);
  return *model;
}

// By the model's own forward(), each row by itself, clipped in double precision.
Tensors reference(TorchModel& model, const JobSpec& job, const Rows& rows, double clip) {
  Tensors sums, weights;
  for (std::size_t i = 0; i < model.parameters; ++i) {
    weights.push_back(model.tensors[i].tensor);
    sums.push_back(torch::zeros(weights.back().sizes(), torch::kDouble));
  }
  for (std::int64_t row = 0; row < rows.inputs.size(0); ++row) {
    const torch::Tensor outputs = model.forward(rows.inputs.narrow(0, row, 1));
    const torch::Tensor target = rows.targets.narrow(0, row, 1);
    const torch::Tensor loss =
        job.data.target == TargetKind::kBinary
            ? at::binary_cross_entropy_with_logits(outputs.reshape({-1}), target)
        : job.data.target == TargetKind::kClasses
            ? at::cross_entropy_loss(outputs, target)
            : (outputs.reshape({-1}) - target).square().mean();
    const auto gradients = torch::autograd::grad({loss}, weights);
    double squares = 0;
    for (const torch::Tensor& gradient : gradients)
      squares += gradient.to(torch::kDouble).square().sum().item<double>();
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] += gradients[i].to(torch::kDouble) * std::min(1.0, clip / std::sqrt(squares));
  }
  return sums;
}

Tensors summed(TorchModel& model, const JobSpec& job, const Rows& rows, double clip,
               std::int64_t chunk) {
  SeededRandom random(1);
  RowGradients gradients(model, job.data.target, clip, random);
  for (std::int64_t at = 0; at < rows.inputs.size(0); at += chunk) {
    const std::int64_t count = std::min(chunk, rows.inputs.size(0) - at);
    EXPECT_TRUE(gradients.add(rows.inputs.narrow(0, at, count), rows.targets.narrow(0, at, count)));
  }
  Tensors sums;
  for (const torch::Tensor& sum : gradients.sums()) sums.push_back(sum.clone());
  return sums;
}

double norm_of(const Tensors& tensors) {
  double squares = 0;
  for (const torch::Tensor& tensor : tensors) squares += tensor.square().sum().item<double>();
  return std::sqrt(squares);
}

void expect_near(const Tensors& found, const Tensors& expected, double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  const double scale = norm_of(expected) + 1e-12;
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_LT((found[i] - expected[i]).abs().max().item<double>(), tolerance * scale) << i;
}

struct Kind {
  const char* name;
  const char* family;
  OptionMap options;
  std::vector<std::int64_t> shape;
  TargetKind target;
};

std::vector<Kind> kinds() {
  using Sizes = std::vector<std::int64_t>;
  std::vector<Kind> all = {
      {"dense", "logistic", {}, {5}, TargetKind::kBinary},
      {"softmax", "logistic", {}, {5}, TargetKind::kClasses},
      {"regression", "mlp", {{"hidden", Sizes{6}}}, {5}, TargetKind::kRegression},
      {"images, dense", "mlp", {{"hidden", Sizes{7}}}, {2, 4, 3}, TargetKind::kClasses}};
  for (const char* activation : {"relu", "tanh", "sigmoid", "gelu"}) {
    all.push_back({activation,
                   "mlp",
                   {{"hidden", Sizes{8, 6}}, {"activation", std::string(activation)}},
                   {5},
                   TargetKind::kBinary});
  }
  for (const std::int64_t kernel : {1, 2, 3}) {
    for (const char* padding : {"same", "valid"}) {
      all.push_back({padding,
                     "cnn",
                     {{"channels", Sizes{3, 2}},
                      {"dense", Sizes{5}},
                      {"kernel", kernel},
                      {"pool", std::int64_t{2}},
                      {"padding", std::string(padding)}},
                     {2, 12, 11},
                     TargetKind::kClasses});
    }
  }
  return all;
}

TEST(RowGradients, AreThoseOfAutogradForEachKindOfLayer) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.name);
    const JobSpec job = job_of(kind.family, kind.options, kind.target);
    const TorchModelPtr model = model_of(job, kind.shape);
    for (std::int64_t row = 0; row < 3; ++row) {
      Rows one = rows_for(job, kind.shape, 3);
      one = {one.inputs.narrow(0, row, 1), one.targets.narrow(0, row, 1)};
      expect_near(summed(*model, job, one, kNoClip, 1), reference(*model, job, one, kNoClip), 2e-6);
    }
  }
}

TEST(RowGradients, EachIsClippedByItsWholeNormBeforeTheyAreAdded) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.name);
    const JobSpec job = job_of(kind.family, kind.options, kind.target);
    const TorchModelPtr model = model_of(job, kind.shape);
    const Rows rows = rows_for(job, kind.shape, 9);
    std::vector<double> norms;
    for (std::int64_t row = 0; row < 9; ++row) {
      const Rows one{rows.inputs.narrow(0, row, 1), rows.targets.narrow(0, row, 1)};
      norms.push_back(norm_of(summed(*model, job, one, kNoClip, 1)));
      EXPECT_LE(norm_of(summed(*model, job, one, 1e-3, 1)), 1e-3 * (1 + 1e-12));
    }
    std::ranges::sort(norms);
    const double middle = norms[4];  // some are clipped, some are not
    const Tensors expected = reference(*model, job, rows, middle);
    expect_near(summed(*model, job, rows, middle, 9), expected, 2e-6);
    expect_near(summed(*model, job, rows, middle, 4), summed(*model, job, rows, middle, 9), 1e-12);
  }
}

TEST(RowGradients, RowsThatAreNoNumbersAddNothingAndSpoilNothing) {
  for (const char* family : {"mlp", "cnn"}) {
    const bool images = std::string(family) == "cnn";
    const std::vector<std::int64_t> shape =
        images ? std::vector<std::int64_t>{1, 8, 8} : std::vector<std::int64_t>{5};
    const JobSpec job = job_of(family, {}, TargetKind::kClasses);
    const TorchModelPtr model = model_of(job, shape);
    Rows rows = rows_for(job, shape, 4);
    const Rows fine{rows.inputs.narrow(0, 1, 2).clone(), rows.targets.narrow(0, 1, 2)};
    rows.inputs[0].fill_(std::numeric_limits<float>::quiet_NaN());
    rows.inputs[3].fill_(std::numeric_limits<float>::infinity());
    expect_near(summed(*model, job, rows, 1.0, 4), summed(*model, job, fine, 1.0, 2), 1e-12);
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
  const Rows rows = rows_for(job, {3}, 6);
  const Tensors expected = reference(*model, job, rows, 0.3);
  ASSERT_GT(norm_of(expected), 0.1);
  expect_near(summed(*model, job, rows, 0.3, 6), expected, 2e-6);
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

}  // namespace
}  // namespace tributary

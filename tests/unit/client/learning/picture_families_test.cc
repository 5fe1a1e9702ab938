// SPDX-License-Identifier: Apache-2.0
// Families for pictures, for rows without labels, and of spikes, on tasks of which it is known how
// well they can be done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "client/data/dataset.h"
#include "tests/unit/client/learning/family_tasks.h"
#include "tests/unit/client/learning/model_kinds.h"

namespace tributary {
namespace {

using testing::Each;
using testing::HasSubstr;
using Sizes = std::vector<std::int64_t>;

// The first rows of MNIST's training pictures, the first of its test pictures.
struct Digits {
  ExampleSet training, test;
};
std::optional<Digits> digits(std::int64_t training, std::int64_t test) {
  const std::string folder = std::string(TRIBUTARY_SOURCE_DIR) + "/../shared/data/mnist/";
  if (!std::filesystem::exists(folder + "t10k-images-idx3-ubyte.gz")) return std::nullopt;
  DataSpec spec;
  spec.input_shape = {1, 28, 28};
  spec.value_scale = 1.0 / 255.0;
  spec.target = TargetKind::kClasses;
  spec.classes = 10;
  spec.validation_fraction = 0.0;
  std::string detail;
  const auto rows = load_dataset({"idx",
                                  {{"images", folder + "t10k-images-idx3-ubyte.gz"},
                                   {"labels", folder + "t10k-labels-idx1-ubyte.gz"},
                                   {"validation_images", std::string()},
                                   {"validation_labels", std::string()}}},
                                 spec, {}, 1, &detail);
  if (!rows) return std::nullopt;
  const auto part = [&](std::int64_t from, std::int64_t count) {
    ExampleSet some;
    some.input_shape = spec.input_shape;
    some.rows = count;
    const auto pixels = rows->training.inputs.begin() + from * 784;
    some.inputs = {pixels, pixels + count * 784};
    some.labels = {rows->training.labels.begin() + from,
                   rows->training.labels.begin() + from + count};
    return some;
  };
  return Digits{part(0, training), part(5000, test)};
}

#define DIGITS_OR_SKIP(name, training, test) \
  const auto name = digits(training, test);  \
  if (!name) GTEST_SKIP() << "../shared/data/mnist/t10k-images-idx3-ubyte.gz is not there"

// Stripes that run in one of four directions, with as much noise as stripes: what a pixel is says
// nothing, where its neighbours are alike says all.
void fill_stripes(RandomSource& random, float* inputs, ExampleSet& data) {
  const auto direction = random.uniform_below(4);
  const int phase = static_cast<int>(random.uniform_below(4));
  for (int y = 0; y < 12; ++y) {
    for (int x = 0; x < 12; ++x) {
      const int along = direction == 0   ? x
                        : direction == 1 ? y
                        : direction == 2 ? x + y
                                         : x - y + 12;
      const double stripe = (along + phase) / 2 % 2 == 0 ? -0.7 : 0.7;
      inputs[12 * y + x] = static_cast<float>(stripe + 0.7 * random.normal());
    }
  }
  data.labels.push_back(static_cast<std::int64_t>(direction));
}

TEST(PictureFamilies, AResnetSeesWhereStripesRun) {
  for (const char* norm : {"group", "batch"}) {
    SCOPED_TRACE(norm);
    JobSpec job = family_job("resnet", {{"width", std::int64_t{4}}, {"norm", std::string(norm)}},
                             TargetKind::kClasses);
    job.data.classes = 4;
    const Model model = trained_on(job, made_rows(job, {1, 12, 12}, 600, 1, fill_stripes), 6);
    EXPECT_GT(share_right(job, model, made_rows(job, {1, 12, 12}, 300, 2, fill_stripes)), 0.85);
  }
}

// A disc to be found among squares as bright as it: of which pixels alone say nothing.
void fill_disc(RandomSource& random, float* inputs, ExampleSet& data) {
  std::vector<std::int64_t> labels(256, 0);
  for (int i = 0; i < 256; ++i) inputs[i] = static_cast<float>(0.2 * random.normal());
  const bool left = random.uniform_below(2) == 0;
  const double row = 4 + 8 * random.uniform(), square_row = 4 + 8 * random.uniform();
  const double column = left ? 4 : 11, square_column = left ? 11 : 4;
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) {
      const bool disc = std::hypot(y - row, x - column) < 3.4;
      const bool square = std::max(std::abs(y - square_row), std::abs(x - square_column)) < 3.0;
      if (disc) labels[static_cast<std::size_t>(16 * y + x)] = 1;
      if (disc || square) inputs[16 * y + x] += 1.0F;
    }
  }
  data.labels.insert(data.labels.end(), labels.begin(), labels.end());
}

TEST(PictureFamilies, AUnetFindsTheDisc) {
  JobSpec job = family_job("unet", {{"channels", Sizes{8, 16, 16}}}, TargetKind::kSegmentation);
  job.data.target_shape = {16, 16};
  job.train.optimizer = choose(client_optimizers(), "adam", {{"learning_rate", 0.01}});
  job.train.batch_size = 16;
  const Model model = trained_on(job, made_rows(job, {1, 16, 16}, 250, 1, fill_disc), 8);
  const EvaluationCounts counts =
      counts_on(job, model, made_rows(job, {1, 16, 16}, 100, 2, fill_disc));
  ASSERT_EQ(counts.classes.size(), 2u);
  const ClassCounts& disc = counts.classes[1];
  const auto both = static_cast<double>(disc.true_positives);
  // Whoever takes all that is bright for a disc has about one half.
  EXPECT_GT(both / (both + static_cast<double>(disc.false_positives + disc.false_negatives)), 0.8);
}

// Two hidden numbers make eight, with noise: the best code of two leaves what is noise in the other
// six directions (principal components).
constexpr double kNoise = 0.1;
void fill_plane(RandomSource& random, float* inputs, ExampleSet&) {
  const double u = random.normal(), v = random.normal();
  for (int i = 0; i < 8; ++i) {
    const double angle = 0.7 * i;
    inputs[i] =
        static_cast<float>(u * std::cos(angle) + v * std::sin(angle) + kNoise * random.normal());
  }
}

TEST(PictureFamilies, ALinearAutoencoderFindsThePlaneThatRowsLieIn) {
  JobSpec job = family_job("autoencoder", {{"hidden", Sizes{}}, {"code", std::int64_t{2}}},
                           TargetKind::kUnlabelled);
  job.train.optimizer = choose(client_optimizers(), "adam", {{"learning_rate", 0.01}});
  const ExampleSet rows = made_rows(job, {8}, 500, 1, fill_plane);
  const Model model = trained_on(job, rows, 30);
  const double best = kNoise * kNoise * 6 / 8;
  const double left = loss_on(job, model, made_rows(job, {8}, 1000, 2, fill_plane));
  EXPECT_LT(left, 1.2 * best);
  EXPECT_GT(left, 0.8 * best) << "no two numbers say more";
}

TEST(PictureFamilies, AnAutoencoderOfPicturesGivesDigitsBack) {
  DIGITS_OR_SKIP(mnist, 500, 200);
  JobSpec job = family_job("autoencoder", {{"channels", Sizes{8, 16}}, {"code", std::int64_t{16}}},
                           TargetKind::kUnlabelled);
  Digits rows = *mnist;
  double mean_error = 0;  // of whoever gives the mean picture
  std::vector<double> mean(784, 0.0);
  for (std::size_t i = 0; i < rows.training.inputs.size(); ++i)
    mean[i % 784] += static_cast<double>(rows.training.inputs[i]) / 500.0;
  for (std::size_t i = 0; i < rows.test.inputs.size(); ++i) {
    const double error = static_cast<double>(rows.test.inputs[i]) - mean[i % 784];
    mean_error += error * error / static_cast<double>(rows.test.inputs.size());
  }
  const Model model = trained_on(job, rows.training, 8);
  EXPECT_LT(loss_on(job, model, rows.test), 0.6 * mean_error);
}

TEST(PictureFamilies, AVaeLearnsWhatItsCodeIsWorth) {
  JobSpec job =
      family_job("vae", {{"hidden", Sizes{16}}, {"code", std::int64_t{2}}, {"beta", 0.02}},
                 TargetKind::kUnlabelled);
  job.train.optimizer = choose(client_optimizers(), "adam", {{"learning_rate", 0.01}});
  const ExampleSet rows = made_rows(job, {8}, 500, 1, fill_plane);
  const ExampleSet others = made_rows(job, {8}, 500, 2, fill_plane);
  const Model model = trained_on(job, rows, 25);
  const double left = loss_on(job, model, others);
  EXPECT_LT(left, 0.15);  // whoever gives the mean has 0.51
  // With a code that costs too much, nothing is told by it.
  job.model.options["beta"] = 1000.0;
  EXPECT_GT(loss_on(job, trained_on(job, rows, 25), others), 0.4);
}

// From its formula, in float64: the code's divergence beside the error.
TEST(PictureFamilies, TheLossOfAVaeHasItsDivergence) {
  const Kind kind{"vae",
                  "vae",
                  {{"hidden", Sizes{}}, {"code", std::int64_t{2}}, {"beta", 0.5}},
                  {4},
                  TargetKind::kUnlabelled};
  const TorchModelPtr model = model_of(job_of(kind), kind.shape);
  const torch::Tensor inputs = torch::tensor({0.3F, -1.2F, 0.7F, 2.0F}).unsqueeze(0);
  static_cast<void>(model->forward(inputs));
  const auto weight = values_of(model->tensors[0].tensor);
  const auto bias = values_of(model->tensors[1].tensor);
  double divergence = 0;
  std::vector<double> code(4);
  for (std::size_t i = 0; i < 4; ++i) {
    code[i] = static_cast<double>(bias[i]);
    for (std::size_t k = 0; k < 4; ++k)
      code[i] += static_cast<double>(weight[4 * i + k]) * static_cast<double>(values_of(inputs)[k]);
  }
  for (std::size_t i = 0; i < 2; ++i)
    divergence += 0.5 * (code[i] * code[i] + std::exp(code[i + 2]) - 1 - code[i + 2]);
  EXPECT_GT(divergence, 0);
  EXPECT_NEAR(model->extra_loss().item<double>(), 0.5 * divergence / 4, 1e-6);
  model->set_training(false);
  static_cast<void>(model->forward(inputs));
  EXPECT_FALSE(model->extra_loss().defined());
}

TEST(PictureFamilies, NeuronsThatFireReadDigits) {
  DIGITS_OR_SKIP(mnist, 1000, 400);
  for (const char* output : {"membrane", "spikes"}) {
    SCOPED_TRACE(output);
    JobSpec job = family_job(
        "spiking",
        {{"hidden", Sizes{100}}, {"steps", std::int64_t{8}}, {"output", std::string(output)}},
        TargetKind::kClasses);
    job.data.classes = 10;
    const Model model = trained_on(job, mnist->training, 6);
    EXPECT_GT(share_right(job, model, mnist->test), 0.85);
  }
}

// Leak, fire, and what is taken off, step by step, in float64.
TEST(PictureFamilies, ANeuronFiresByItsFormula) {
  const double beta = 0.8, threshold = 0.5;
  const Kind kind{
      "spiking",
      "spiking",
      {{"hidden", Sizes{3}}, {"steps", std::int64_t{9}}, {"beta", beta}, {"threshold", threshold}},
      {2},
      TargetKind::kClasses};
  const TorchModelPtr model = model_of(job_of(kind), kind.shape);
  for (float& weight : values_of(model->tensors[0].tensor)) weight = std::abs(weight);
  const torch::Tensor inputs = torch::tensor({0.9F, 0.6F}).unsqueeze(0);
  const auto outputs = model->forward(inputs);
  const auto weights = [&](std::size_t i) { return values_of(model->tensors[i].tensor); };
  std::vector<double> potential(3, 0.0), fired(3, 0.0), read(4, 0.0), mean(4, 0.0);
  int spikes = 0;
  for (int step = 0; step < 9; ++step) {
    for (std::size_t i = 0; i < 3; ++i) {
      const double current = static_cast<double>(weights(1)[i]) +
                             static_cast<double>(weights(0)[2 * i]) * 0.9 +
                             static_cast<double>(weights(0)[2 * i + 1]) * 0.6;
      potential[i] = beta * potential[i] + current - threshold * fired[i];
      fired[i] = potential[i] > threshold ? 1.0 : 0.0;
      spikes += potential[i] > threshold ? 1 : 0;
    }
    for (std::size_t i = 0; i < 4; ++i) {
      double current = static_cast<double>(weights(3)[i]);
      for (std::size_t k = 0; k < 3; ++k)
        current += static_cast<double>(weights(2)[3 * i + k]) * fired[k];
      read[i] = beta * read[i] + current;
      mean[i] += read[i] / 9;
    }
  }
  EXPECT_GT(spikes, 0);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(static_cast<double>(values_of(outputs)[i]), mean[i], 1e-5);
}

// Means and variances that training saw travel, and are what evaluation goes by.
TEST(PictureFamilies, BatchStatisticsTravel) {
  JobSpec job = family_job("resnet", {{"width", std::int64_t{2}}, {"norm", std::string("batch")}},
                           TargetKind::kClasses);
  const auto fill = [](RandomSource& random, float* inputs, ExampleSet& data) {
    for (int i = 0; i < 64; ++i) inputs[i] = static_cast<float>(2.0 + random.normal());
    data.labels.push_back(static_cast<std::int64_t>(random.uniform_below(2)));
  };
  const ExampleSet rows = made_rows(job, {1, 8, 8}, 40, 1, fill);
  const Model initial = *initial_model(job, {1, 8, 8}, {});
  const Model model = trained_on(job, rows, 3);
  std::size_t at = 0, buffers = 0;
  std::vector<bool> moved;
  for (const TensorInfo& tensor : model.layout.tensors) {
    const std::size_t count = element_count(tensor);
    if (tensor.name.ends_with("running_mean") || tensor.name.ends_with("running_var")) {
      ++buffers;
      moved.push_back(model.values[at] != initial.values[at]);
    }
    EXPECT_FALSE(tensor.name.ends_with("num_batches_tracked"));
    at += count;
  }
  EXPECT_EQ(buffers, 40u) << "of 20 norms, as torchvision's resnet18";
  EXPECT_THAT(moved, Each(true));
  Model other = model;  // the first buffers are those of bn1
  for (std::size_t i = other.values.size() - 10; i < other.values.size(); ++i)
    other.values[i] += 0.5F;
  EXPECT_NE(loss_on(job, other, rows), loss_on(job, model, rows));
  job.privacy.records = RecordPrivacy{};
  const auto refused = initial_model(job, {1, 8, 8}, {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("mixes the rows of a batch"));
}

TEST(PictureFamilies, AResnetHasTheNamesOfTorchvision) {
  const JobSpec job = family_job("resnet", {}, TargetKind::kClasses);
  JobSpec thousand = job;
  thousand.data.classes = 1000;
  thousand.model.options["norm"] = std::string("batch");
  const Model model = *initial_model(thousand, {3, 224, 224}, {});
  std::map<std::string, std::vector<std::int64_t>> shapes;
  std::size_t weights = 0;
  for (const TensorInfo& tensor : model.layout.tensors) {
    shapes[tensor.name] = tensor.shape;
    if (tensor.name.find("running_") == std::string::npos) weights += element_count(tensor);
  }
  EXPECT_EQ(weights, 11'689'512u) << "of torchvision.models.resnet18";
  EXPECT_EQ(shapes["conv1.weight"], (Sizes{64, 3, 7, 7}));
  EXPECT_EQ(shapes["layer2.0.downsample.0.weight"], (Sizes{128, 64, 1, 1}));
  EXPECT_EQ(shapes["layer4.1.bn2.running_var"], (Sizes{512}));
  EXPECT_EQ(shapes["fc.weight"], (Sizes{1000, 512}));
}

TEST(PictureFamilies, WhatDoesNotFitIsRefusedWithTheRemedy) {
  const auto refusal = [](const Kind& kind) {
    const auto made = initial_model(job_of(kind), kind.shape, {});
    EXPECT_FALSE(made) << kind.family;
    return made ? std::string() : made.error().message;
  };
  EXPECT_THAT(refusal({"", "resnet", {}, {28, 28}, TargetKind::kClasses}),
              HasSubstr("[channels, height, width], and these are [28, 28]"));
  EXPECT_THAT(refusal({"", "unet", {}, {1, 28, 28}, TargetKind::kSegmentation}),
              HasSubstr("divisible by 8"));
  EXPECT_THAT(refusal({"", "unet", {}, {1, 32, 32}, TargetKind::kClasses}),
              HasSubstr("data.task: segmentation"));
  EXPECT_THAT(refusal({"", "autoencoder", {}, {4}, TargetKind::kBinary}),
              HasSubstr("data.task: unlabelled"));
  EXPECT_THAT(
      refusal({"", "autoencoder", {{"channels", Sizes{2}}}, {1, 5, 4}, TargetKind::kUnlabelled}),
      HasSubstr("divisible by 2"));
  EXPECT_THAT(
      refusal({"", "spiking", {{"output", std::string("spikes")}}, {4}, TargetKind::kBinary}),
      HasSubstr("output: membrane"));
  EXPECT_THAT(
      refusal({"", "unet", {{"channels", Sizes(40, 1)}}, {1, 64, 64}, TargetKind::kSegmentation}),
      HasSubstr("divisible by"));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Each objective against its formula in a plain loop in double precision.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "client/learning/batch_maker.h"
#include "client/learning/objective.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

using Sizes = std::vector<std::int64_t>;

// Gives what a function makes of its inputs, and keeps what it was shown.
class Pretended final : public TorchModel {
 public:
  using Function = std::function<torch::Tensor(const torch::Tensor&)>;
  explicit Pretended(Function function) : function_(std::move(function)) {}

  torch::Tensor forward(const torch::Tensor& inputs) override {
    shown = inputs.clone();
    return function_(inputs);
  }
  torch::Tensor forward_alone(const torch::Tensor& inputs, std::uint64_t) override {
    return forward(inputs);
  }
  void set_training(bool) override {}
  std::unique_lock<std::mutex> seed_randomness(std::uint64_t) override { return {}; }
  void initialize(std::uint64_t) override {}
  void save(std::ostream&) override {}
  void save_state(StateWriter&) const override {}
  Status restore_state(StateReader&) override { return {}; }

  torch::Tensor shown;

 private:
  Function function_;
};

torch::Tensor normal_tensor(const Sizes& shape, std::uint64_t seed = 3) {
  SeededRandom random(seed);
  torch::Tensor made = torch::empty(shape);
  for (float& value : values_of(made)) value = static_cast<float>(random.normal());
  return made;
}

JobSpec job_with(const std::string& objective, const OptionMap& options, TargetKind target) {
  JobSpec job;
  job.train.objective = choose(training_objectives(), objective, options);
  job.data.target = target;
  job.data.classes = 3;
  return job;
}

double loss_of(const JobSpec& job, TorchModel& model, const Batch& batch, RoundNumber round = 1) {
  const auto objective = (*find_objective(job.train.objective.name))->make({job, round, 5});
  return objective->loss(model, batch).item<double>();
}

TEST(Objectives, TheCatalogueAndTheTableNameTheSame) {
  std::set<std::string> known, there;
  for (const TrainingObjective* one : objective_table()) there.insert(std::string(one->name));
  for (const PluginSchema& schema : training_objectives()) known.insert(schema.name);
  EXPECT_EQ(there, known);
}

double dot(const torch::Tensor& a, std::int64_t i, std::int64_t j) {
  double sum = 0.0;
  for (std::int64_t k = 0; k < a.size(1); ++k)
    sum += a[i][k].item<double>() * a[j][k].item<double>();
  return sum;
}

TEST(Objectives, ContrastiveIsNtXent) {
  const JobSpec job = job_with("contrastive", {{"temperature", 0.3}}, TargetKind::kUnlabelled);
  const torch::Tensor first = normal_tensor({5, 4}, 1), second = normal_tensor({5, 4}, 2);
  Pretended model([](const torch::Tensor& inputs) { return inputs * 2.0; });
  const torch::Tensor views = torch::cat({first, second});
  double expected = 0.0;
  for (std::int64_t i = 0; i < 10; ++i) {
    double others = 0.0, own = 0.0;
    for (std::int64_t j = 0; j < 10; ++j) {
      if (j == i) continue;
      const double cosine = dot(views, i, j) / std::sqrt(dot(views, i, i) * dot(views, j, j));
      others += std::exp(cosine / 0.3);
      if (j == (i + 5) % 10) own = cosine / 0.3;
    }
    expected += (std::log(others) - own) / 10.0;
  }
  EXPECT_NEAR(loss_of(job, model, {first, {}, second}), expected, 1e-5);
}

TEST(Objectives, ContrastiveOfARowAloneOrOfZerosIsANumber) {
  const JobSpec job = job_with("contrastive", {}, TargetKind::kUnlabelled);
  Pretended model([](const torch::Tensor& inputs) { return inputs * 0.0; });
  const torch::Tensor one = normal_tensor({1, 4}), three = normal_tensor({3, 4});
  EXPECT_EQ(loss_of(job, model, {one, {}, one}), 0.0);
  EXPECT_NEAR(loss_of(job, model, {three, {}, three}), std::log(5.0), 1e-6);
}

// The mean squared error over what was hidden, of outputs 0.5 x + 1.
double hidden_error(const torch::Tensor& inputs, const torch::Tensor& shown) {
  double sum = 0.0, count = 0.0;
  const torch::Tensor flat = inputs.flatten(), seen = shown.flatten();
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    const double x = flat[i].item<double>(), was = seen[i].item<double>();
    if (was == x) continue;
    EXPECT_EQ(was, 0.0) << "a hidden input is 0";
    sum += (0.5 * was + 1.0 - x) * (0.5 * was + 1.0 - x);
    ++count;
  }
  return sum / count;
}

Pretended half_and_one() {
  return Pretended([](const torch::Tensor& inputs) { return inputs * 0.5 + 1.0; });
}

TEST(Objectives, MaskedHasItsLossOnWhatIsHiddenAlone) {
  Pretended model = half_and_one();
  for (const Sizes& shape : {Sizes{6, 10}, Sizes{6, 8, 3}, Sizes{6, 2, 8, 8}, Sizes{6, 1}}) {
    const JobSpec job = job_with("masked", {{"share", 0.4}}, TargetKind::kUnlabelled);
    const torch::Tensor inputs = normal_tensor(shape);
    const double loss = loss_of(job, model, {inputs, {}});
    EXPECT_NEAR(loss, hidden_error(inputs, model.shown), 1e-5);
  }
}

TEST(Objectives, MaskedHidesAShareOfEachRowInWholeParts) {
  const JobSpec job =
      job_with("masked", {{"share", 0.75}, {"patch", std::int64_t{3}}}, TargetKind::kUnlabelled);
  Pretended model = half_and_one();
  const torch::Tensor inputs = normal_tensor({8, 2, 7, 6});  // patches of 3: three by two
  loss_of(job, model, {inputs, {}});
  const torch::Tensor hidden = model.shown == 0.0;
  std::set<std::string> patterns;
  for (std::int64_t row = 0; row < 8; ++row) {
    std::string pattern;
    for (std::int64_t patch = 0; patch < 6; ++patch) {
      const std::int64_t top = patch / 2 * 3, left = patch % 2 * 3;
      const torch::Tensor part =
          hidden[row].slice(1, top, std::min<std::int64_t>(top + 3, 7)).slice(2, left, left + 3);
      const auto count = part.sum().item<std::int64_t>();
      EXPECT_TRUE(count == 0 || count == part.numel()) << "a patch of all channels, or nothing";
      pattern += count > 0 ? '1' : '0';
    }
    EXPECT_EQ(std::ranges::count(pattern, '1'), 5) << "4.5 of 6 patches, rounded";
    patterns.insert(pattern);
  }
  EXPECT_GT(patterns.size(), 1u);
  const torch::Tensor before = model.shown;
  Batch later{inputs, {}};
  loss_of(job, model, later);
  EXPECT_TRUE(torch::equal(model.shown, before)) << "it follows from the seed and the place";
  later.place = 8;
  loss_of(job, model, later);
  EXPECT_FALSE(torch::equal(model.shown, before));
}

TEST(Objectives, MaskedHidesStepsOfASeriesAndInputsOfATable) {
  const JobSpec job = job_with("masked", {{"share", 0.25}}, TargetKind::kUnlabelled);
  Pretended model = half_and_one();
  loss_of(job, model, {normal_tensor({3, 12, 2}), {}});
  const torch::Tensor of_steps = (model.shown == 0.0).sum(2);
  EXPECT_EQ((of_steps == 2).sum().item<std::int64_t>(), 9);
  EXPECT_EQ((of_steps == 1).sum().item<std::int64_t>(), 0);
  loss_of(job, model, {normal_tensor({3, 20}), {}});
  EXPECT_TRUE(((model.shown == 0.0).sum(1) == 5).all().item<bool>());
}

TEST(Objectives, ReconstructionIsTheErrorOfAllInputs) {
  JobSpec job = job_with("reconstruction", {}, TargetKind::kUnlabelled);
  const torch::Tensor inputs = normal_tensor({4, 5}).sigmoid();
  Pretended model = half_and_one();
  double squares = 0.0, logits = 0.0;
  for (const float value : values_of(inputs)) {
    const double x = value, z = 0.5 * x + 1.0;
    squares += (z - x) * (z - x) / 20.0;
    logits -= (x * std::log(1.0 / (1.0 + std::exp(-z))) +
               (1.0 - x) * std::log(1.0 - 1.0 / (1.0 + std::exp(-z)))) /
              20.0;
  }
  EXPECT_NEAR(loss_of(job, model, {inputs, {}}), squares, 1e-5);
  job.train.loss = "bce";
  EXPECT_NEAR(loss_of(job, model, {inputs, {}}), logits, 1e-5);
  Pretended narrow([](const torch::Tensor& all) { return all.slice(1, 0, 2); });
  EXPECT_THROW(loss_of(job, narrow, {inputs, {}}), c10::Error);
}

TEST(Objectives, ReconstructionTakesNoiseOutOfInputs) {
  const JobSpec job = job_with("reconstruction", {{"deviation", 0.5}}, TargetKind::kUnlabelled);
  const torch::Tensor inputs = normal_tensor({100, 50});
  Pretended model([](const torch::Tensor& all) { return all; });
  const double loss = loss_of(job, model, {inputs, {}});
  EXPECT_NEAR(loss, 0.25, 4 * 0.25 * std::sqrt(2.0 / 5000)) << "what is left is the noise";
  const torch::Tensor shown = model.shown;
  Batch batch{inputs, {}};
  loss_of(job, model, batch);
  EXPECT_TRUE(torch::equal(model.shown, shown));
  batch.place = 100;
  loss_of(job, model, batch);
  EXPECT_FALSE(torch::equal(model.shown, shown));
}

double cross_entropy(const torch::Tensor& logits, std::int64_t row, std::int64_t label) {
  double sum = 0.0;
  for (std::int64_t k = 0; k < logits.size(1); ++k) sum += std::exp(logits[row][k].item<double>());
  return std::log(sum) - logits[row][label].item<double>();
}

TEST(Objectives, PseudoLabelsCountWhereTheModelIsSure) {
  const JobSpec job =
      job_with("pseudo_labels", {{"threshold", 0.6}, {"weight", 0.5}, {"warmup", std::int64_t{2}}},
               TargetKind::kClasses);
  const torch::Tensor logits = normal_tensor({12, 3}) * 1.5;
  const std::vector<std::int64_t> labels = {2, -1, -1, 0, -1, 1, -1, -1, -1, -1, -1, -1};
  Pretended model([](const torch::Tensor& inputs) { return inputs; });
  double own = 0.0, others = 0.0;
  int sure = 0;
  for (std::int64_t row = 0; row < 12; ++row) {
    if (labels[static_cast<std::size_t>(row)] >= 0) {
      own += cross_entropy(logits, row, labels[static_cast<std::size_t>(row)]) / 3.0;
      continue;
    }
    for (std::int64_t k = 0; k < 3; ++k) {
      if (std::exp(-cross_entropy(logits, row, k)) < 0.6) continue;
      others += cross_entropy(logits, row, k) / 9.0;
      ++sure;
    }
  }
  ASSERT_GT(sure, 1);
  ASSERT_LT(sure, 9);
  const Batch batch{logits, torch::tensor(labels)};
  EXPECT_NEAR(loss_of(job, model, batch, 2), own, 1e-5) << "in the warm-up labels alone count";
  EXPECT_NEAR(loss_of(job, model, batch, 3), own + 0.5 * others, 1e-5);
}

TEST(Objectives, PseudoLabelsOfABinaryTaskAndOfBatchesWithOneKindOfRows) {
  const JobSpec job = job_with("pseudo_labels", {{"threshold", 0.7}, {"warmup", std::int64_t{0}}},
                               TargetKind::kBinary);
  const torch::Tensor logits = torch::tensor({2.0F, -3.0F, 0.1F, 1.0F}).reshape({4, 1});
  Pretended model([](const torch::Tensor& inputs) { return inputs; });
  const auto softplus = [](double x) { return std::log(1.0 + std::exp(x)); };
  const double expected = softplus(-1.0) + (softplus(-2.0) + softplus(-3.0) + 0.0) / 3.0;
  EXPECT_NEAR(loss_of(job, model, {logits, torch::tensor({-1.0F, -1.0F, -1.0F, 1.0F})}), expected,
              1e-6);
  const torch::Tensor none = torch::full({4}, -1.0F), all = torch::ones({4});
  EXPECT_NEAR(loss_of(job, model, {logits, none}),
              (softplus(-2.0) + softplus(-3.0) + softplus(-1.0)) / 4.0, 1e-6);
  EXPECT_NEAR(loss_of(job, model, {logits, all}),
              (softplus(-2.0) + softplus(3.0) + softplus(-0.1) + softplus(-1.0)) / 4.0, 1e-6);
  const torch::Tensor unsure = torch::full({2, 1}, 0.1F);
  EXPECT_EQ(loss_of(job, model, {unsure, torch::full({2}, -1.0F)}), 0.0);
}

TEST(Objectives, MixedRowsHaveTheLossesOfBothLabels) {
  const JobSpec job = job_with("supervised", {}, TargetKind::kClasses);
  const torch::Tensor logits = normal_tensor({3, 3});
  Pretended model([](const torch::Tensor& inputs) { return inputs; });
  Batch batch{logits, torch::tensor(Sizes{0, 1, 2})};
  batch.partners = torch::tensor(Sizes{2, 2, 0});
  batch.kept = 0.3;
  double expected = 0.0;
  for (std::int64_t row = 0; row < 3; ++row) {
    expected += (0.3 * cross_entropy(logits, row, row) +
                 0.7 * cross_entropy(logits, row, batch.partners[row].item<std::int64_t>())) /
                3.0;
  }
  EXPECT_NEAR(loss_of(job, model, batch), expected, 1e-5);
}

// --- batches ---

Augmenter augmenter_of(const std::vector<PluginChoice>& list) {
  return Augmenter::make(list, 3).value();
}

TEST(Batches, AMaskFollowsItsPicture) {
  JobSpec job;
  job.data.target = TargetKind::kSegmentation;
  job.data.target_shape = {2, 3};
  ExampleSet data{{1, 2, 3}, 3, {}, {}, {}, {2, 3}};
  for (int i = 0; i < 18; ++i) {
    data.inputs.push_back(static_cast<float>(i));
    data.labels.push_back(i);
  }
  BatchMaker maker(job, data, 2,
                   {augmenter_of({choose(augmentations(), "flip", {{"vertical", 0.5}})})});
  std::set<float> corners;
  for (std::uint64_t place = 0; place < 40; place += 2) {
    const Batch batch = maker.make(std::vector<std::uint32_t>{2, 0}, place);
    EXPECT_TRUE(torch::equal(batch.inputs.flatten().to(torch::kInt64), batch.targets.flatten()));
    corners.insert(batch.inputs[1][0][0][0].item<float>());
  }
  EXPECT_EQ(corners, (std::set<float>{0, 2, 3, 5})) << "all four ways to flip";
  EXPECT_EQ(data.inputs[0], 0.0F) << "the site's rows stay as they are";
}

TEST(Batches, TwoViewsAreOfTheSameRowsAndNotAlike) {
  JobSpec job;
  job.data.target = TargetKind::kUnlabelled;
  ExampleSet data{{2}, 4, {0, 0, 100, 100, 200, 200, 300, 300}, {}, {}};
  BatchMaker maker(job, data, 4, {augmenter_of({choose(augmentations(), "noise")}), true});
  const Batch batch = maker.make(std::vector<std::uint32_t>{3, 1}, 0);
  EXPECT_FALSE(torch::equal(batch.inputs, batch.second));
  const torch::Tensor rows = torch::tensor({300.0F, 300.0F, 100.0F, 100.0F}).reshape({2, 2});
  EXPECT_LT((batch.inputs - rows).abs().max().item<double>(), 1.0);
  EXPECT_LT((batch.second - rows).abs().max().item<double>(), 1.0);
}

TEST(Batches, MixupMixesInputsAndNamesTheOtherLabels) {
  JobSpec job;
  job.data.target = TargetKind::kClasses;
  ExampleSet data{{1}, 8, {}, {}, {}};
  for (int i = 0; i < 8; ++i) {
    data.inputs.push_back(static_cast<float>(i));
    data.labels.push_back(i);
  }
  BatchMaker maker(job, data, 8,
                   {augmenter_of({choose(augmentations(), "mixup", {{"alpha", 1.0}})})});
  const Batch batch = maker.make(std::vector<std::uint32_t>{7, 6, 5, 4, 3, 2, 1, 0}, 16);
  EXPECT_GT(batch.kept, 0.0);
  EXPECT_LT(batch.kept, 1.0);
  for (std::int64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(batch.targets[i].item<std::int64_t>(), 7 - i);
    const double other = batch.partners[i].item<double>();
    EXPECT_NEAR(batch.inputs[i][0].item<double>(),
                batch.kept * static_cast<double>(7 - i) + (1.0 - batch.kept) * other, 1e-5);
  }
}

}  // namespace
}  // namespace tributary

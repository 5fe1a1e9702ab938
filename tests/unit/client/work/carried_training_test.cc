// SPDX-License-Identifier: Apache-2.0
// What a site has of its own over the rounds of a job: what an algorithm keeps, tensors that stay,
// and a personal model against formulas written out here in float64.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "client/learning/learner.h"
#include "client/work/task_runner.h"
#include "common/base/random_source.h"
#include "common/config/job_file.h"
#include "common/tensor/safetensors.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Not;

// A line through points; no order of rows matters, since a batch is all of them.
class Points final : public SiteData {
 public:
  Points() {
    SeededRandom random(4);
    for (ExampleSet* part : {&all_->training, &all_->validation}) {
      *part = {{2}, 30, {}, {}, {}};
      for (int row = 0; row < 30; ++row) {
        for (int k = 0; k < 2; ++k) part->inputs.push_back(static_cast<float>(random.normal()));
        part->targets.push_back(2.0F * part->inputs[part->inputs.size() - 2] +
                                static_cast<float>(0.1 * random.normal()) + 1.0F);
      }
    }
  }
  Result<DataSummary> summarize(const JobSpec&, std::string&) override { return DataSummary{}; }
  Result<std::shared_ptr<const SiteExamples>> examples(const JobSpec&, const DataPlan&,
                                                       std::string&) override {
    return std::shared_ptr<const SiteExamples>(all_);
  }
  const ExampleSet& training() const { return all_->training; }
  void judge_against_all_sense() {
    for (float& target : all_->validation.targets) target *= -1.0F;
  }
  void judge_nothing() { all_->validation = {{2}, 0, {}, {}, {}}; }

 private:
  std::shared_ptr<SiteExamples> all_ = std::make_shared<SiteExamples>();
};

class OwnState : public testing::Test {
 protected:
  void SetUp() override { start(); }
  // A new life of the process.
  void start() {
    runner_.emplace(TaskRunner::Ports{
        .site = SiteName{"north"},
        .data = data_,
        .blobs = *blobs_,
        .log = [this](const char* event, EventFields fields) { told_.emplace_back(event, fields); },
        .carried = CarriedStore(disk_, directory_ / "carried"),
        .personal = PersonalModels{disk_, directory_ / "personal"}});
  }
  static std::string job(const std::string& train) {
    return "name: j\nmodel: {family: mlp, hidden: []}\n"
           "data: {dataset: d, task: regression, features: [a, b], label: y}\n"
           "train: {steps: 5, batch_size: 0, optimizer: {name: sgd, learning_rate: 0.05}, " +
           train + "}\nrounds: {count: 9}\n";
  }
  TaskOutcome run(TaskKind kind, const std::string& document, RoundNumber round,
                  const BlobRef& model, RoundNumber counted = 0) {
    const Task task{{JobId{"j"}, round, 1, kind}, document, {}, model, {}, {}, 1000, counted};
    return runner_->run(task, [] { return false; }, {}).outcome;
  }
  BlobRef initial(const std::string& document) {
    const TaskOutcome outcome = run(TaskKind::kInitialize, document, 0, {});
    const auto* made = std::get_if<InitializeResult>(&outcome);
    EXPECT_NE(made, nullptr) << std::get<TaskFailure>(outcome).detail;
    return made != nullptr ? made->model : BlobRef{};
  }
  BlobRef train(const std::string& document, RoundNumber round, const BlobRef& model,
                RoundNumber counted) {
    const TaskOutcome outcome = run(TaskKind::kTrain, document, round, model, counted);
    const auto* trained = std::get_if<TrainResult>(&outcome);
    EXPECT_NE(trained, nullptr) << std::get<TaskFailure>(outcome).detail;
    return trained != nullptr ? trained->update : BlobRef{};
  }
  double loss(const std::string& document, RoundNumber round, const BlobRef& model) {
    const TaskOutcome outcome = run(TaskKind::kEvaluate, document, round, model);
    return figures_of(std::get<EvaluateResult>(outcome).counts).loss;
  }
  Model file(const BlobRef& blob) { return *decode_safetensors(*blobs_->read(blob.digest)); }
  // The model and what an update of it makes of it.
  BlobRef next(const BlobRef& model, const BlobRef& update) {
    Model made = file(model);
    const Model by = file(update);
    for (std::size_t i = 0; i < made.values.size(); ++i) made.values[i] += by.values[i];
    return {*blobs_->put(encode_safetensors(made)), 0};
  }
  int told(const std::string& event) const {
    return static_cast<int>(
        std::ranges::count(told_, event, [](const auto& one) { return one.first; }));
  }
  Model exported() {
    return *decode_safetensors(*disk_.read(directory_ / "personal/j.safetensors", 1u << 20));
  }

  TemporaryDirectory directory_;
  FullDisk disk_;
  std::unique_ptr<BlobStore> blobs_ = *BlobStore::open(disk_, directory_ / "blobs");
  Points data_;
  std::vector<std::pair<std::string, EventFields>> told_;
  std::optional<TaskRunner> runner_;
};

TEST_F(OwnState, ARoundThatIsDoneAgainGivesTheSameUpdate) {
  for (const std::string algorithm : {"scaffold", "{name: feddyn, alpha: 0.5}"}) {
    SCOPED_TRACE(algorithm);
    std::filesystem::remove_all(directory_ / "carried");
    const std::string document = job("algorithm: " + algorithm);
    BlobRef model = initial(document);
    if (algorithm == "scaffold") {  // as the coordinator sends it
      Model sent = file(model);
      const Layout layout = sent_layout(companions_of("scaffold"), sent.layout);
      sent.layout = layout;
      sent.values.resize(layout.element_count(), 0.01F);
      model = {*blobs_->put(encode_safetensors(sent)), 0};
    }
    const BlobRef first = train(document, 1, model, 0);
    start();
    EXPECT_EQ(train(document, 1, model, 0), first) << "killed before it was durable";
    const BlobRef second = train(document, 2, model, 1);
    EXPECT_NE(second, first) << "goes on from what round 1 left";
    start();
    EXPECT_EQ(train(document, 2, model, 1), second);
    EXPECT_EQ(train(document, 3, model, 1), second) << "round 2 did not count";
    EXPECT_NE(train(document, 4, model, 3), second);
    EXPECT_EQ(told("carried.lost"), 0);
  }
}

TEST_F(OwnState, WhatIsGoneIsTold) {
  const std::string document = job("algorithm: {name: feddyn, alpha: 0.5}");
  const BlobRef model = initial(document);
  const BlobRef first = train(document, 1, model, 0);
  std::filesystem::remove_all(directory_ / "carried");
  EXPECT_EQ(train(document, 2, model, 1), first) << "as in the first round";
  EXPECT_EQ(told("carried.lost"), 1);
  disk_.room = 0;
  EXPECT_EQ(std::get<TaskFailure>(run(TaskKind::kTrain, document, 3, model, 2)).reason,
            Reason::kStorageFailed)
      << "an update whose other half is not kept must not be sent";
}

TEST_F(OwnState, TensorsThatStayAreTrainedHereAndNeverSent) {
  const std::string plain = job("loss: auto"), document = job("keep_local: [\"*.bias\"]");
  BlobRef model = initial(document);
  const Model start = file(model);
  ASSERT_EQ(start.layout.tensors.size(), 2u);
  const std::size_t bias = start.values.size() - 1;
  std::vector<float> biases;
  for (RoundNumber round = 1; round <= 3; ++round) {
    const BlobRef update = train(document, round, model, round - 1);
    EXPECT_EQ(file(update).values[bias], 0.0F);
    EXPECT_NE(file(update).values[0], 0.0F);
    model = next(model, update);
    const double own = loss(document, round, model);
    EXPECT_LT(own, loss(plain, round, model)) << "judged with its own bias";
    biases.push_back(exported().values[bias]);
    EXPECT_EQ(exported().values[0], file(model).values[0]);
  }
  EXPECT_EQ(file(model).values[bias], start.values[bias]) << "the global one never moved";
  EXPECT_GT(biases[1], biases[0]) << "goes on towards 1 from its own";
  EXPECT_GT(biases[2], biases[1]);
}

TEST_F(OwnState, AnAlgorithmHasNothingToDoWithTensorsThatStay) {
  const std::string document = job("algorithm: scaffold, keep_local: [\"*.bias\"]");
  Model sent = file(initial(document));
  const std::size_t bias = sent.values.size() - 1;
  sent.layout = sent_layout(companions_of("scaffold"), sent.layout);
  sent.values.resize(sent.layout.element_count());
  const BlobRef model{*blobs_->put(encode_safetensors(sent)), 0};
  const Model update = file(train(document, 1, model, 0));
  EXPECT_EQ(update.values[bias], 0.0F);
  EXPECT_EQ(update.values.back(), 0.0F) << "no control variate either";
  EXPECT_NE(update.values[bias + 1], 0.0F);
}

TEST_F(OwnState, PatternsThatFitNothingOrEverythingAreRefusedBeforeTheFirstRound) {
  for (const auto& [pattern, why] : {std::pair("head.*", "the model has no tensor 'head.*'"),
                                     std::pair("*", "no tensor of the model is left")}) {
    const std::string document = job(std::string("keep_local: [\"") + pattern + "\"]");
    const TaskOutcome outcome = run(TaskKind::kInitialize, document, 0, {});
    ASSERT_TRUE(std::holds_alternative<TaskFailure>(outcome));
    EXPECT_THAT(std::get<TaskFailure>(outcome).detail, HasSubstr(why));
  }
}

// One round of Ditto's personal model: v -= rate * (gradient(v) + lambda * (v - w)).
std::vector<double> personal_steps(const ExampleSet& data, std::vector<double> v,
                                   const std::vector<float>& w, double lambda) {
  for (int step = 0; step < 5; ++step) {
    std::vector<double> sum(3);
    for (std::size_t row = 0; row < data.targets.size(); ++row) {
      const double a = static_cast<double>(data.inputs[2 * row]);
      const double b = static_cast<double>(data.inputs[2 * row + 1]);
      const double error = v[0] * a + v[1] * b + v[2] - static_cast<double>(data.targets[row]);
      sum[0] += 2.0 * error * a / 30.0;
      sum[1] += 2.0 * error * b / 30.0;
      sum[2] += 2.0 * error / 30.0;
    }
    for (std::size_t i = 0; i < 3; ++i)
      v[i] -= 0.05 * (sum[i] + lambda * (v[i] - static_cast<double>(w[i])));
  }
  return v;
}

TEST_F(OwnState, APersonalModelIsThatOfTheDittoPaper) {
  const std::string plain = job("loss: auto"), document = job("personal: {lambda: 0.7}");
  BlobRef model = initial(document);
  const Model start = file(model);
  std::vector<double> v(start.values.begin(), start.values.end());
  for (RoundNumber round = 1; round <= 3; ++round) {
    const BlobRef update = train(document, round, model, round - 1);
    EXPECT_EQ(update, train(plain, round, model, 0)) << "the global training knows nothing of it";
    // The plain job kept nothing, so what round left is still there.
    v = personal_steps(data_.training(), v, file(model).values, 0.7);
    const BlobRef halfway{*blobs_->put(encode_safetensors(start)), 0};
    model = round == 1 ? halfway : next(model, update);  // a global model that is another
    told_.clear();
    EXPECT_EQ(loss(document, round, model), loss(plain, round, model))
        << "the coordinator is told of the global one";
    EXPECT_EQ(told("evaluation.local"), 3) << "global, personal; then that of the plain job";
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(static_cast<double>(exported().values[i]), v[i], 1e-5) << round;
  }
}

// One evaluation of the last round trains on from the global model with the site's own tensors in
// it, for the site alone.
TEST_F(OwnState, TheLastModelIsTunedForTheSite) {
  const std::string plain = job("keep_local: [\"*.bias\"]");
  const std::string document = job("keep_local: [\"*.bias\"], fine_tune: {epochs: 5}");
  const std::string slow =
      job("keep_local: [\"*.bias\"], fine_tune: {epochs: 5, learning_rate: 0.001}");
  const BlobRef model = initial(document);
  const BlobRef update = train(document, 1, model, 0);
  EXPECT_EQ(update, train(plain, 1, model, 0));
  EXPECT_EQ(loss(document, 8, model), loss(plain, 8, model));
  const Model untuned = exported();
  EXPECT_EQ(told("evaluation.local"), 2) << "round 8 of 9 is not the last";
  EXPECT_EQ(loss(document, 9, model), loss(plain, 8, model))
      << "the coordinator hears of the global";
  EXPECT_EQ(told("evaluation.local"), 5);
  loss(document, 9, model);
  std::vector<double> v(untuned.values.begin(), untuned.values.end());
  v = personal_steps(data_.training(), v, untuned.values, 0.0);
  const Model tuned = exported();
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_NEAR(static_cast<double>(tuned.values[i]), v[i], 1e-5) << i;
  start();
  loss(document, 9, model);
  EXPECT_EQ(exported(), tuned) << "killed in the middle of the evaluation, and asked again";
  loss(slow, 9, model);
  for (std::size_t i = 0; i < 3; ++i) {
    const double whole = v[i] - static_cast<double>(untuned.values[i]);
    const double part = static_cast<double>(exported().values[i] - untuned.values[i]);
    EXPECT_NEAR(part, whole * 0.02, std::abs(whole) * 0.01) << "a fiftieth of the learning rate";
  }
}

TEST_F(OwnState, WhereAJobMayStopEarlyEachModelIsTuned) {
  const std::string document =
      job("fine_tune: {epochs: 2}") + "evaluate: {early_stop: {patience: 3}}\n";
  const BlobRef model = initial(document);
  loss(document, 2, model);
  EXPECT_EQ(told("evaluation.local"), 2);
  EXPECT_NE(exported().values, file(model).values);
}

// A learning rate at which no weight stays a number.
TEST_F(OwnState, ATuningThatFailsTakesNothingFromTheEvaluation) {
  const std::string document = job("fine_tune: {epochs: 90, learning_rate: 1e6}");
  const BlobRef model = initial(document);
  EXPECT_EQ(loss(document, 9, model), loss(job("loss: auto"), 9, model));
  EXPECT_EQ(told("tuning.failed"), 1);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "personal/j.safetensors"));
}

TEST_F(OwnState, ATrainingStopsByTheSitesValidationRows) {
  const std::string plain = job("epochs: 1");
  const std::string document = job("local_stop: {patience: 1}");
  const BlobRef model = initial(document);
  EXPECT_EQ(train(document, 1, model, 0), train(plain, 1, model, 0)) << "it gets better and better";
  EXPECT_EQ(told("training.rewound"), 1);
  EXPECT_EQ(told("training.unjudged"), 0);
  data_.judge_against_all_sense();
  EXPECT_NE(train(document, 1, model, 0), train(plain, 1, model, 0)) << "and now it does not";
  data_.judge_nothing();
  EXPECT_EQ(train(document, 1, model, 0), train(plain, 1, model, 0));
  EXPECT_EQ(told("training.unjudged"), 1);
}

}  // namespace
}  // namespace tributary

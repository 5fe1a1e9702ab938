// SPDX-License-Identifier: Apache-2.0
// Tasks on a real CSV file; what of it can reach the wire; and that a federation of one is local
// training.
#include "client/work/task_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "client/learning/learner.h"
#include "common/base/random_source.h"
#include "common/config/job_file.h"
#include "common/crypto/digest.h"
#include "common/tensor/safetensors.h"
#include "common/tensor/update_reader.h"
#include "common/wire/message_codec.h"
#include "tests/support/full_disk.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kJob = R"(name: j
seed: 5
model: {family: mlp, hidden: [4]}
data:
  dataset: patients
  features: [age, {name: ward, type: categorical}]
  label: sick
  missing: mean
train: {epochs: 2, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.1}}
rounds: {count: 1}
)";
// A record that would be recognised anywhere: a name in a category, a number with many digits.
constexpr const char* kPlantedWord = "Zebulon-Quux";
constexpr const char* kPlantedNumber = "71.23456789012345";

class Runner : public testing::Test {
 protected:
  void SetUp() override {
    SeededRandom random(9);
    std::string csv = "age,ward,sick\n";
    for (int i = 0; i < 60; ++i) {
      const double age = 40 + 20 * random.normal();
      csv += std::to_string(age) + "," + (i % 2 == 0 ? "a" : "b") + "," + (age > 45 ? "1" : "0") +
             "\n";
    }
    csv += std::string(kPlantedNumber) + "," + kPlantedWord + ",1\n";
    std::ofstream(directory_ / "patients.csv") << csv;
    data_.emplace(std::map<std::string, PluginChoice>{
        {"patients", choose(data_loaders(), "csv", {{"path", directory_ / "patients.csv"}})}});
    start();
  }
  // A new life of the process.
  void start(const SitePolicy& policy = {.require_signature = false}) {
    gate_.emplace(JobGate::Ports{SiteName{"north"}, [policy] { return policy; },
                                 [] { return std::string(); }, clock_,
                                 [this](const char* event, EventFields) { ++told_[event]; },
                                 KnownJobs(disk_, directory_ / "jobs")});
    stop_ = shutting_down_ = false;
    told_.clear();
    runner_.emplace(TaskRunner::Ports{
        SiteName{"north"},
        *data_,
        *blobs_,
        1,
        [this](const char* event, EventFields) { ++told_[event]; },
        Checkpointing{store_, clock_, Milliseconds(250), [this] { return shutting_down_; }},
        {},
        &*gate_,
        CarriedStore(disk_, directory_ / "carried")});
  }
  TaskResult run(TaskKind kind, const DataPlan& plan, const BlobRef& model,
                 const std::string& document = kJob) {
    const RoundNumber round = kind == TaskKind::kTrain || kind == TaskKind::kEvaluate ? 1 : 0;
    // A site takes one document under one id: as if it knew none yet.
    if (std::exchange(document_, document) != document)
      std::filesystem::remove_all(directory_ / "jobs");
    const Task task{{JobId{"j"}, round, 1, kind}, document, plan, model, {}, {}, 1000};
    TaskResult result = runner_->run(
        task, [this] { return stop_; },
        [this](std::uint64_t done, std::uint64_t) {
          clock_.advance(Milliseconds(100));  // what a batch takes
          if (after_batch_) after_batch_(done);
        });
    const Bytes bytes = *encode_message(result);
    wire_.append(as_text(bytes));
    return result;
  }
  DataPlan plan() {
    const auto prepared = std::get<PrepareResult>(run(TaskKind::kPrepare, {}, {}).outcome);
    return *agree_on_plan(parse_job(kJob, "j")->spec.data, {{"north", prepared.summary}});
  }
  Model model_of(const BlobRef& blob) { return *decode_safetensors(*blobs_->read(blob.digest)); }

  TemporaryDirectory directory_;
  std::string document_;  // of the last task
  FullDisk disk_;
  std::unique_ptr<BlobStore> blobs_ = *BlobStore::open(disk_, directory_ / "blobs");
  std::optional<FileSiteData> data_;
  ManualClock clock_;
  CheckpointStore store_{disk_, directory_ / "checkpoints"};
  bool stop_ = false;
  bool shutting_down_ = false;
  std::function<void(std::uint64_t done)> after_batch_;
  std::map<std::string, int> told_;  // events
  std::optional<JobGate> gate_;
  std::optional<TaskRunner> runner_;
  std::string wire_;  // every byte a site would send, before TLS
};

TEST_F(Runner, ThePlantedRecordNeverReachesTheWire) {
  const DataPlan agreed = plan();
  const BlobRef initial =
      std::get<InitializeResult>(run(TaskKind::kInitialize, agreed, {}).outcome).model;
  const BlobRef update =
      std::get<TrainResult>(run(TaskKind::kTrain, agreed, initial).outcome).update;
  run(TaskKind::kEvaluate, agreed, initial);
  const Bytes blob = *blobs_->read(update.digest);
  wire_.append(as_text(blob));
  ASSERT_GT(wire_.size(), 500u);
  EXPECT_THAT(wire_, HasSubstr("age")) << "the names of columns do travel, so the search works";
  EXPECT_THAT(wire_, Not(HasSubstr(kPlantedWord)));
  EXPECT_THAT(wire_, Not(HasSubstr(kPlantedNumber)));
  const double planted = 71.23456789012345;
  const auto planted_float = static_cast<float>(planted);
  EXPECT_THAT(wire_, Not(HasSubstr(std::string(reinterpret_cast<const char*>(&planted), 8))));
  EXPECT_THAT(wire_, Not(HasSubstr(std::string(reinterpret_cast<const char*>(&planted_float), 4))));
}

TEST_F(Runner, FaultsTravelAsReasonsWithoutTheirData) {
  std::ofstream(directory_ / "patients.csv") << "age,ward,sick\n" << kPlantedWord << ",a,1\n";
  const auto bad = std::get<TaskFailure>(run(TaskKind::kPrepare, {}, {}).outcome);
  EXPECT_EQ(bad.reason, Reason::kDataInvalid);
  EXPECT_THAT(wire_, Not(HasSubstr(kPlantedWord)));
  std::string other = kJob;
  other.replace(other.find("patients"), 8, "unknown!");
  EXPECT_EQ(std::get<TaskFailure>(run(TaskKind::kPrepare, {}, {}, other).outcome).reason,
            Reason::kModelInvalid);
  other.replace(other.find("unknown!"), 8, "nothings");
  EXPECT_EQ(std::get<TaskFailure>(run(TaskKind::kPrepare, {}, {}, other).outcome).reason,
            Reason::kDatasetMissing);
}

TEST_F(Runner, FaultyRecordsWithinTheirShareAreToldHereAndNowhereElse) {
  std::ofstream(directory_ / "patients.csv", std::ios::app) << kPlantedWord << ",a,1\n7,b\n";
  data_->renew({{"patients",
                 choose(data_loaders(), "csv",
                        {{"path", directory_ / "patients.csv"}, {"faulty_records_max", 0.05}})}});
  const DataPlan agreed = plan();
  const TaskResult initial = run(TaskKind::kInitialize, agreed, {});
  ASSERT_TRUE(std::holds_alternative<InitializeResult>(initial.outcome));
  EXPECT_EQ(told_["data.faulty_record"], 2);
  EXPECT_EQ(told_["data.loaded"], 1);
  EXPECT_THAT(wire_, Not(HasSubstr(kPlantedWord)));
  data_->renew({{"patients",
                 choose(data_loaders(), "csv",
                        {{"path", directory_ / "patients.csv"}, {"faulty_records_max", 0.01}})}});
  EXPECT_EQ(std::get<TaskFailure>(run(TaskKind::kPrepare, {}, {}).outcome).reason,
            Reason::kDataInvalid);
}

TEST_F(Runner, WhatThePolicyForbidsIsNotBegunAtAnyStage) {
  const DataPlan agreed = plan();
  const BlobRef initial =
      std::get<InitializeResult>(run(TaskKind::kInitialize, agreed, {}).outcome).model;
  start({.require_signature = false, .model_families = {{"logistic"}}});
  wire_.clear();
  for (const TaskKind kind :
       {TaskKind::kPrepare, TaskKind::kInitialize, TaskKind::kTrain, TaskKind::kEvaluate}) {
    const auto refused = std::get<TaskFailure>(run(kind, agreed, initial).outcome);
    EXPECT_EQ(refused.reason, Reason::kPolicyDenied);
  }
  EXPECT_EQ(told_["task.failed"], 4);
  EXPECT_EQ(told_["data.loaded"], 0);
  EXPECT_THAT(wire_, Not(HasSubstr("model_families"))) << "the policy is the site's own business";
}

TEST_F(Runner, AFullDiskIsSaidWithoutThePathsOfTheSite) {
  const DataPlan agreed = plan();
  disk_.room = 0;
  const auto full = std::get<TaskFailure>(run(TaskKind::kInitialize, agreed, {}).outcome);
  EXPECT_EQ(full.reason, Reason::kStorageFailed);
  EXPECT_THAT(full.detail, HasSubstr("disk is full"));
  EXPECT_THAT(wire_, Not(HasSubstr(directory_ / "blobs")));
}

TEST_F(Runner, TheSameTaskGivesTheSameBytes) {
  const DataPlan agreed = plan();
  const BlobRef initial =
      std::get<InitializeResult>(run(TaskKind::kInitialize, agreed, {}).outcome).model;
  const BlobRef first =
      std::get<TrainResult>(run(TaskKind::kTrain, agreed, initial).outcome).update;
  ASSERT_TRUE(blobs_->remove(first.digest));
  EXPECT_EQ(std::get<TrainResult>(run(TaskKind::kTrain, agreed, initial).outcome).update, first);
}

TEST_F(Runner, AnEncodedUpdateIsSmallAndWhatItLacksComesWithTheNextOne) {
  const DataPlan agreed = plan();
  const BlobRef initial =
      std::get<InitializeResult>(run(TaskKind::kInitialize, agreed, {}).outcome).model;
  const auto trained = [&](const std::string& encoding) {
    std::string document = kJob;
    document.replace(document.find("{epochs"), 1, "{encoding: " + encoding + ", ");
    return std::get<TrainResult>(run(TaskKind::kTrain, agreed, initial, document).outcome).update;
  };
  const auto values_of = [&](const BlobRef& update) {
    const std::shared_ptr<ReadFile> file = *blobs_->open_blob(update.digest);
    const OpenedUpdate opened = *open_update(
        [file](std::uint64_t at, MutableByteView into) { return file->read_at(at, into); },
        file->size());
    std::vector<float> values(opened.values->layout().element_count());
    EXPECT_EQ(*opened.values->read(values), values.size());
    return values;
  };
  const std::vector<float> exact = values_of(trained("fp32"));
  const BlobRef sparse = trained("{name: top_k, k: 3}");
  const std::vector<float> sent = values_of(sparse);
  EXPECT_EQ(std::ranges::count_if(sent, [](float value) { return value != 0.0f; }), 3);
  EXPECT_EQ(trained("{name: top_k, k: 3}"), sparse) << "the same round again";
  const Model residual = *decode_safetensors(
      *make_file_system()->read(directory_ / "carried/2_1_j.safetensors", 1u << 20));
  for (std::size_t i = 0; i < exact.size(); ++i)
    EXPECT_FLOAT_EQ(sent[i] + residual.values[i], exact[i]);
}

// Trainings that are cut off; each has 14 batches and a checkpoint after every third.
class CutOff : public Runner {
 protected:
  void SetUp() override {
    Runner::SetUp();
    plan_ = plan();
    initial_ = std::get<InitializeResult>(run(TaskKind::kInitialize, plan_, {}).outcome).model;
    whole_ = update_of(train());
    EXPECT_EQ(told_["training.checkpointed"], 4);
    EXPECT_FALSE(store_.empty()) << "the result is not kept yet";
    runner_->ended(kKey);
    EXPECT_TRUE(store_.empty());
    EXPECT_TRUE(blobs_->remove(whole_.digest));
    start();
  }
  TaskOutcome train() { return run(TaskKind::kTrain, plan_, initial_).outcome; }
  static BlobRef update_of(const TaskOutcome& outcome) {
    return std::get<TrainResult>(outcome).update;
  }
  // The process ends in order after so many batches, or its task is cancelled.
  void stop_after(std::uint64_t batches, bool shutting_down) {
    after_batch_ = [this, batches, shutting_down](std::uint64_t done) {
      stop_ = done == batches;
      shutting_down_ = stop_ && shutting_down;
    };
    EXPECT_EQ(std::get<TaskFailure>(train()).reason, Reason::kAborted);
    runner_->ended(kKey);
    after_batch_ = {};
  }
  // A new life does the same task.
  void expect_the_same_update(int resumed) {
    start();
    EXPECT_EQ(update_of(train()), whole_);
    EXPECT_EQ(told_["training.resumed"], resumed);
    EXPECT_EQ(told_["task.failed"], 0);
  }

  const TaskKey kKey{JobId{"j"}, 1, 1, TaskKind::kTrain};
  DataPlan plan_;
  BlobRef initial_;
  BlobRef whole_;  // the update of a training that nothing happened to
};

TEST_F(CutOff, AKilledTrainingGoesOnFromItsLastCheckpoint) {
  Bytes file;
  after_batch_ = [&](std::uint64_t done) {
    if (done == 11) file = *disk_.read(directory_ / "checkpoints/training", 1 << 20);
  };
  train();
  ASSERT_TRUE(disk_.write_durably(directory_ / "checkpoints/training", file));  // as a kill left it
  std::uint64_t first = 0;
  after_batch_ = [&](std::uint64_t done) { first = first == 0 ? done : first; };
  ASSERT_TRUE(blobs_->remove(whole_.digest));
  expect_the_same_update(1);
  EXPECT_EQ(first, 10u) << "nine are not done again";
}

TEST_F(CutOff, ATrainingStoppedWithItsProcessGoesOnWhereItWas) {
  stop_after(2, true);
  EXPECT_EQ(told_["training.checkpointed"], 1) << "none was due yet";
  std::uint64_t first = 0;
  after_batch_ = [&](std::uint64_t done) { first = first == 0 ? done : first; };
  expect_the_same_update(1);
  EXPECT_EQ(first, 3u);
}

TEST_F(CutOff, ATaskThatEndsLeavesNoCheckpoint) {
  stop_after(8, false);
  EXPECT_EQ(told_["training.checkpointed"], 2);
  EXPECT_TRUE(store_.empty()) << "cancelled";
  start();
  after_batch_ = [this](std::uint64_t done) { disk_.room = done == 14 ? 0 : 1 << 20; };
  EXPECT_EQ(std::get<TaskFailure>(train()).reason, Reason::kStorageFailed);
  runner_->ended({JobId{"other"}, 1, 1, TaskKind::kEvaluate});
  EXPECT_FALSE(store_.empty()) << "another task is none of its business";
  runner_->ended(kKey);
  EXPECT_TRUE(store_.empty()) << "failed";
}

TEST_F(CutOff, AFullDiskCostsTheCheckpointOnly) {
  after_batch_ = [this](std::uint64_t done) { disk_.room = done < 11 ? 100 : 1 << 20; };
  EXPECT_EQ(update_of(train()), whole_);
  EXPECT_EQ(told_["checkpoint.failed"], 1) << "told once";
  EXPECT_EQ(told_["training.checkpointed"], 1) << "the disk has room again";
}

TEST_F(CutOff, ADamagedCheckpointCostsTheCheckpointOnly) {
  stop_after(7, true);
  Bytes bytes = *disk_.read(directory_ / "checkpoints/training", 1 << 20);
  bytes[50] ^= std::byte{1};
  ASSERT_TRUE(disk_.write_durably(directory_ / "checkpoints/training", bytes));
  expect_the_same_update(0);
  EXPECT_EQ(told_["checkpoint.failed"], 1);
}

// Whole and of this task, and all the same no state: a fault of ours must not cost the task.
TEST_F(CutOff, ACheckpointThatDoesNotFitCostsTheCheckpointOnly) {
  stop_after(7, true);
  Bytes bytes = *disk_.read(directory_ / "checkpoints/training", 1 << 20);
  bytes[0] ^= std::byte{1};
  const auto sealed = bytes.end() - 32;
  std::ranges::copy(sha256({bytes.begin(), sealed}).bytes, sealed);
  ASSERT_TRUE(disk_.write_durably(directory_ / "checkpoints/training", bytes));
  expect_the_same_update(1);
  EXPECT_EQ(told_["checkpoint.failed"], 1);
}

TEST_F(Runner, TrainingMakesTheModelBetter) {
  const DataPlan agreed = plan();
  const BlobRef initial =
      std::get<InitializeResult>(run(TaskKind::kInitialize, agreed, {}).outcome).model;
  Model model = model_of(initial);
  const double before =
      figures_of(std::get<EvaluateResult>(run(TaskKind::kEvaluate, agreed, initial).outcome).counts)
          .loss;
  for (int round = 0; round < 5; ++round) {
    const BlobRef now{*blobs_->put(encode_safetensors(model)), 0};
    const Model update =
        model_of(std::get<TrainResult>(run(TaskKind::kTrain, agreed, now).outcome).update);
    for (std::size_t i = 0; i < model.values.size(); ++i) model.values[i] += update.values[i];
  }
  const BlobRef trained{*blobs_->put(encode_safetensors(model)), 0};
  EXPECT_LT(
      figures_of(std::get<EvaluateResult>(run(TaskKind::kEvaluate, agreed, trained).outcome).counts)
          .loss,
      before);
}

}  // namespace
}  // namespace tributary

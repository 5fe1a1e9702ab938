// SPDX-License-Identifier: Apache-2.0
// Rounds of a job whose updates nobody sees, at a site: what is told of the rows, and what is kept
// for the sum.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "client/work/task_runner.h"
#include "common/config/job_file.h"
#include "common/domain/counted_numbers.h"
#include "common/tensor/safetensors.h"
#include "tests/support/full_disk.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kJob = R"(name: j
seed: 5
model: {family: logistic}
data: {dataset: patients, features: [age], label: sick, standardize: none}
train: {epochs: 3, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.1}}
rounds: {count: 50, minimum_sites: 3}
privacy: {secure_aggregation: {clip: 10}}
)";

class SecretRounds : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream csv(directory_ / "patients.csv");
    csv << "age,sick\n";
    for (int i = 0; i < 100; ++i) csv << i % 7 << (i % 2 == 0 ? ",1\n" : ",0\n");
    csv.close();
    data_.emplace(std::map<std::string, PluginChoice>{
        {"patients", choose(data_loaders(), "csv", {{"path", directory_ / "patients.csv"}})}});
    runner_.emplace(TaskRunner::Ports{.site = SiteName{"north"},
                                      .data = *data_,
                                      .blobs = *blobs_,
                                      .log = [](const char*, EventFields) {},
                                      .gifts = gifts_});
    initial_ = std::get<InitializeResult>(run(TaskKind::kInitialize, 0).outcome).model;
  }
  TaskResult run(TaskKind kind, RoundNumber round, const std::string& document = kJob) {
    const Task task{key(kind, round), document, {}, initial_, {}, {}, 1000};
    return runner_->run(
        task, [] { return false; }, [this](std::uint64_t, std::uint64_t) { ++progress_; });
  }
  static TaskKey key(TaskKind kind, RoundNumber round) { return {JobId{"j"}, round, 1, kind}; }

  TemporaryDirectory directory_;
  FullDisk disk_;
  std::unique_ptr<BlobStore> blobs_ = *BlobStore::open(disk_, directory_ / "blobs");
  const SumGifts gifts_{disk_, directory_ / "sums"};
  std::optional<FileSiteData> data_;
  std::optional<TaskRunner> runner_;
  BlobRef initial_;
  int progress_ = 0;
};

TEST_F(SecretRounds, HowManyRowsThereAreIsNotTold) {
  const auto prepared = std::get<PrepareResult>(run(TaskKind::kPrepare, 0).outcome);
  EXPECT_EQ(prepared.summary.training_rows, 1u);
  EXPECT_EQ(prepared.summary.validation_rows, 1u);
  const std::size_t blobs = blobs_->list()->size();
  const auto trained = std::get<TrainResult>(run(TaskKind::kTrain, 1).outcome);
  EXPECT_EQ(trained, (TrainResult{{}, 0, 0.0, 0.0, trained.seconds, 0.0}));
  EXPECT_EQ(blobs_->list()->size(), blobs) << "the update is where no coordinator can fetch it";
  EXPECT_EQ(progress_, 0) << "batches are rows, nearly";
  const auto gift = gifts_.find(key(TaskKind::kTrain, 1));
  ASSERT_TRUE(gift);
  EXPECT_EQ(gift->examples, 80u);
  EXPECT_EQ(gift->update.size(), 2u);
  EXPECT_NE(gift->update[0], 0.0F);
}

TEST_F(SecretRounds, CountsOfAnEvaluationAreKeptForTheSum) {
  EXPECT_EQ(std::get<EvaluateResult>(run(TaskKind::kEvaluate, 1).outcome), EvaluateResult{});
  const auto gift = gifts_.find(key(TaskKind::kEvaluate, 1));
  ASSERT_TRUE(gift);
  EXPECT_EQ(counts_of(gift->counts, parse_job(kJob, "j")->spec.data).examples, 20u);
}

// Evaluators tell theirs: an ordinary site that is asked all the same does not.
TEST_F(SecretRounds, OnlyAnEvaluatorJudgesForAJobWithEvaluators) {
  const std::string job = std::string(kJob) + "evaluate: {by: evaluators}\n";
  const TaskResult result = run(TaskKind::kEvaluate, 1, job);
  ASSERT_TRUE(std::holds_alternative<TaskFailure>(result.outcome));
  EXPECT_EQ(std::get<TaskFailure>(result.outcome).reason, Reason::kPolicyDenied);
}

// A model of which every loss is no number: the failure would name the last batch.
TEST_F(SecretRounds, AFailureDoesNotTellHowManyBatchesThereAre) {
  const Digest broken = *blobs_->put(
      encode_safetensors({decode_safetensors(*blobs_->read(initial_.digest))->layout, {NAN, NAN}}));
  initial_.digest = broken;
  const TaskResult result = run(TaskKind::kTrain, 1);
  ASSERT_TRUE(std::holds_alternative<TaskFailure>(result.outcome));
  EXPECT_THAT(std::get<TaskFailure>(result.outcome).detail, Not(HasSubstr("of 30")));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Tasks of jobs that bring code: what the learner is handed, and that nothing of what the code says
// of the rows gets further than the site's own log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "client/work/task_runner.h"
#include "common/config/job_file.h"
#include "common/crypto/digest.h"
#include "common/tensor/safetensors.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kJob = R"(name: j
model: {family: torchscript, file: module.pt}
data: {dataset: patients, features: [age], label: sick, validation_fraction: 0, standardize: none}
train: {optimizer: {name: sgd, learning_rate: 0.1}}
rounds: {count: 1}
)";
constexpr const char* kRow = "age is 71.5";

// A module whose exception tells a row.
class TellingLearner final : public Learner {
 public:
  Result<Model> initial_model(const JobSpec&, const std::vector<std::int64_t>&, ByteView file,
                              const Leash& leash) const override {
    return note(file, leash.memory_bytes);
  }
  Result<TrainOutput> train(const TrainRequest& request) const override {
    return note(request.module_file, request.memory_bytes);
  }
  Result<EvaluationCounts> evaluate(const JobSpec&, const Model&, const ExampleSet&, int,
                                    ByteView file, const Leash& leash) const override {
    return note(file, leash.memory_bytes);
  }
  Result<Bytes> export_torchscript(const JobSpec&, const Model&, const std::vector<std::int64_t>&,
                                   ByteView file, const Leash& leash) const override {
    return note(file, leash.memory_bytes);
  }

  mutable std::string module;
  mutable std::uint64_t memory_bytes = 0;
  ErrorCode code = ErrorCode::kFailedPrecondition;

 private:
  Error note(ByteView file, std::uint64_t memory) const {
    module = as_text(file);
    memory_bytes = memory;
    return make_error(code, kRow);
  }
};

class ModuleTasks : public testing::Test {
 protected:
  ModuleTasks() {
    std::ofstream(directory_ / "patients.csv") << "age,sick\n71.5,1\n40,0\n";
    data_.emplace(std::map<std::string, PluginChoice>{
        {"patients", choose(data_loaders(), "csv", {{"path", directory_ / "patients.csv"}})}});
    const Digest module = *blobs_->put(as_bytes("a module"));
    const SitePolicy policy{
        .require_signature = false, .torchscript = {module}, .max_memory_bytes = 4711};
    gate_.emplace(JobGate::Ports{
        SiteName{"north"}, [policy] { return policy; }, [] { return std::string(); }, clock_,
        [](const char*, EventFields) {}, KnownJobs(*files_, directory_ / "jobs")});
    task_.document = kJob;
    task_.model_file = {module, 8};
    const Bytes model = encode_safetensors({{{{"weight", {1, 1}}}}, {0.5f}});
    task_.model = {*blobs_->put(model), model.size()};
  }
  TaskFailure failure_of(TaskKind kind) {
    TaskRunner runner({.site = SiteName{"north"},
                       .data = *data_,
                       .blobs = *blobs_,
                       .log =
                           [this](const char* event, EventFields fields) {
                             events_.emplace_back(event);
                             for (const auto& [name, value] : fields) {
                               if (name == std::string("detail"))
                                 log_ = std::get<std::string>(value);
                             }
                           },
                       .gate = &*gate_,
                       .ledger = ledger_,
                       .learner = learner_});
    task_.key = {JobId{"j"}, kind == TaskKind::kInitialize ? 0u : 1u, 1, kind};
    const TaskResult result = runner.run(task_, [] { return false; }, {});
    return std::get<TaskFailure>(result.outcome);
  }

  TemporaryDirectory directory_;
  const std::unique_ptr<FileSystem> files_ = make_file_system(Durability::kNone);
  std::unique_ptr<BlobStore> blobs_ = *BlobStore::open(*files_, directory_ / "blobs");
  std::optional<FileSiteData> data_;
  ManualClock clock_;
  PrivacyLedger ledger_{*files_, clock_, directory_ / "privacy"};
  std::optional<JobGate> gate_;
  Task task_;
  TellingLearner learner_;
  std::string log_;
  std::vector<std::string> events_;
};

TEST_F(ModuleTasks, TheLearnerGetsTheModuleAndThePolicysMemory) {
  for (const TaskKind kind : {TaskKind::kInitialize, TaskKind::kTrain, TaskKind::kEvaluate}) {
    learner_.module.clear();
    failure_of(kind);
    EXPECT_EQ(learner_.module, "a module");
    EXPECT_EQ(learner_.memory_bytes, 4711u);
  }
}

TEST_F(ModuleTasks, WhatAModuleSaysAfterItSawRowsStaysHere) {
  for (const TaskKind kind : {TaskKind::kTrain, TaskKind::kEvaluate}) {
    for (const ErrorCode code : {ErrorCode::kFailedPrecondition, ErrorCode::kPermissionDenied,
                                 ErrorCode::kResourceExhausted, ErrorCode::kInvalidArgument}) {
      learner_.code = code;
      const TaskFailure told = failure_of(kind);
      EXPECT_THAT(told.detail, Not(HasSubstr("71.5")));
      EXPECT_THAT(told.detail, HasSubstr(std::string(error_code_name(code))));
      EXPECT_THAT(log_, HasSubstr(kRow));
    }
  }
  EXPECT_EQ(failure_of(TaskKind::kInitialize).detail, kRow) << "no rows are seen there";
}

TEST_F(ModuleTasks, OneThatDoesWhatItMayNotMakesTheSiteUnfitForItsJob) {
  learner_.code = ErrorCode::kPermissionDenied;
  EXPECT_EQ(failure_of(TaskKind::kTrain).reason, Reason::kModelInvalid);
  learner_.code = ErrorCode::kFailedPrecondition;
  EXPECT_EQ(failure_of(TaskKind::kTrain).reason, Reason::kTrainingFailed);
  EXPECT_THAT(events_, Not(Contains("privacy.row_by_row"))) << "its job promises nothing";
}

// Its layers are not known, so that there is no faster way; the site's people are told.
TEST_F(ModuleTasks, UnderPrivacyOfRecordsTheLogSaysThatItIsTrainedRowByRow) {
  task_.document =
      std::string(kJob) +
      "privacy: {records: {clip: 1, noise_multiplier: 2, delta: 1e-5, max_epsilon: 9}}\n";
  const std::string why = failure_of(TaskKind::kTrain).detail;
  EXPECT_THAT(events_, Contains("privacy.row_by_row")) << why;
}

}  // namespace
}  // namespace tributary

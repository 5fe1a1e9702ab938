// SPDX-License-Identifier: Apache-2.0
// Rounds of a job that promises privacy of records, at a site with a ledger: what is debited, when
// it stops, and what of the rows is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "client/work/task_runner.h"
#include "common/base/random_source.h"
#include "common/config/job_file.h"
#include "common/privacy/ledger/spending.h"
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
data:
  dataset: patients
  features: [age, {name: ward, type: categorical, values: [a, b]}]
  label: sick
  standardize: none
train: {epochs: 1, batch_size: 16, optimizer: {name: sgd, learning_rate: 0.1}}
rounds: {count: 50}
privacy:
  records: {clip: 1, noise_multiplier: 1.5, delta: 1e-5, max_epsilon: 4}
)";

class PrivateRounds : public testing::Test {
 protected:
  void SetUp() override {
    SeededRandom random(9);
    std::string csv = "age,ward,sick\n";
    for (int i = 0; i < 200; ++i)
      csv += std::to_string(random.normal()) + (i % 2 == 0 ? ",a," : ",b,") +
             (random.uniform() < 0.5 ? "1\n" : "0\n");
    std::ofstream(directory_ / "patients.csv") << csv;
    data_.emplace(std::map<std::string, PluginChoice>{
        {"patients", choose(data_loaders(), "csv", {{"path", directory_ / "patients.csv"}})}});
    start({.require_signature = false});
    const auto prepared = std::get<PrepareResult>(run(TaskKind::kPrepare, 0).outcome);
    told_ = prepared.summary;
    plan_ = *agree_on_plan(parse_job(kJob, "j")->spec.data, {{"north", told_}});
    initial_ = std::get<InitializeResult>(run(TaskKind::kInitialize, 0).outcome).model;
  }
  // A new life of the process.
  void start(const SitePolicy& policy) {
    gate_.emplace(JobGate::Ports{
        SiteName{"north"}, [policy] { return policy; }, [] { return std::string(); }, clock_,
        [](const char*, EventFields) {}, KnownJobs(disk_, directory_ / "jobs")});
    runner_.emplace(TaskRunner::Ports{
        .site = SiteName{"north"},
        .data = *data_,
        .blobs = *blobs_,
        .log = [this](const char* event, EventFields fields) { note(event, fields); },
        .gate = &*gate_,
        .ledger = ledger_});
  }
  void note(const std::string& event, const EventFields& fields) {
    std::string line = event;
    for (const auto& [name, value] : fields) {
      if (const auto* text = std::get_if<std::string>(&value)) line += " " + name + "=" + *text;
    }
    log_ += line + "\n";
  }
  TaskResult run(TaskKind kind, RoundNumber round, const std::string& job = "j") {
    const Task task{{JobId{job}, round, 1, kind}, kJob, plan_, initial_, {}, {}, 1000};
    return runner_->run(task, [] { return false; }, {});
  }
  TaskResult train(RoundNumber round, const std::string& job = "j") {
    return run(TaskKind::kTrain, round, job);
  }
  std::size_t entries() { return ledger_.read()->entries.size(); }

  TemporaryDirectory directory_;
  FullDisk disk_;
  ManualClock clock_;
  std::unique_ptr<BlobStore> blobs_ = *BlobStore::open(disk_, directory_ / "blobs");
  PrivacyLedger ledger_{disk_, clock_, directory_ / "privacy"};
  std::optional<FileSiteData> data_;
  std::optional<JobGate> gate_;
  std::optional<TaskRunner> runner_;
  DataSummary told_;
  DataPlan plan_;
  BlobRef initial_;
  std::string log_;
};

TEST_F(PrivateRounds, OnlyCountsOfRowsAreToldBesideTheNoisyUpdate) {
  EXPECT_TRUE(told_.numeric.empty()) << "means of the rows";
  EXPECT_TRUE(told_.categories.empty());
  EXPECT_EQ(told_.training_rows, 160u);
  const auto result = std::get<TrainResult>(train(1).outcome);
  EXPECT_EQ(result.train_loss, 0);
  EXPECT_EQ(result.examples, 160u);
  EXPECT_GT(result.update_norm, 0);
}

TEST_F(PrivateRounds, EachRoundIsDebitedAndTheJobStopsAtItsBudget) {
  RoundNumber round = 1;
  double last = 0;
  std::optional<TaskFailure> stopped;
  for (; round <= 50 && !stopped; ++round) {
    const TaskOutcome outcome = train(round).outcome;
    if (const auto* failure = std::get_if<TaskFailure>(&outcome)) {
      stopped = *failure;
      continue;
    }
    const double epsilon = std::get<TrainResult>(outcome).epsilon;
    EXPECT_GT(epsilon, last);
    EXPECT_LE(epsilon, 4);
    last = epsilon;
    EXPECT_EQ(entries(), round);
  }
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->reason, Reason::kBudgetSpent);
  EXPECT_THAT(stopped->detail, HasSubstr("privacy.records.max_epsilon is 4"));
  EXPECT_GT(entries(), 3u);
  DpEvent event{DpMechanism::kGaussian, DpSampling::kPoisson, 0.1, 1.5, 10 * entries()};
  EXPECT_NEAR(last, *epsilon_of({event}, kRecordAdjacency, 1e-5, DpAccounting::kRdp), 1e-9);
  event.steps += 10;
  EXPECT_GT(*epsilon_of({event}, kRecordAdjacency, 1e-5, DpAccounting::kRdp), 4);
  EXPECT_THAT(log_, HasSubstr("privacy.spent job=j dataset=patients unit=record "
                              "adjacency=add_or_remove_one sampling=poisson"));
  start({.require_signature = false});
  EXPECT_EQ(std::get<TaskFailure>(train(60).outcome).reason, Reason::kBudgetSpent)
      << "a new life of the process has no new budget";
}

TEST_F(PrivateRounds, ADatasetHasOneBudgetForAllItsJobs) {
  start({.require_signature = false, .max_epsilon_total = 3});
  ASSERT_TRUE(std::holds_alternative<TrainResult>(train(1, "one").outcome));
  std::optional<TaskFailure> stopped;
  for (int job = 2; job < 40 && !stopped; ++job) {
    const TaskOutcome outcome = train(1, "job" + std::to_string(job)).outcome;
    if (const auto* failure = std::get_if<TaskFailure>(&outcome)) stopped = *failure;
  }
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->reason, Reason::kBudgetSpent);
  EXPECT_THAT(stopped->detail, Not(HasSubstr("3"))) << "the policy is the site's own business";
  EXPECT_THAT(log_, HasSubstr("policy.privacy.max_epsilon_total is 3"));
  EXPECT_LE(spent_by(ledger_.read()->entries)->epsilon, 3);
}

TEST_F(PrivateRounds, WithoutADurableDebitNothingIsStored) {
  std::ofstream(directory_ / "privacy") << "where a folder should be";
  const auto before =
      std::distance(std::filesystem::recursive_directory_iterator(directory_ / "blobs"), {});
  const auto failed = std::get<TaskFailure>(train(1).outcome);
  EXPECT_EQ(failed.reason, Reason::kStorageFailed);
  EXPECT_EQ(std::distance(std::filesystem::recursive_directory_iterator(directory_ / "blobs"), {}),
            before);
}

TEST_F(PrivateRounds, ADamagedLedgerStopsThemWithItsNameInTheSitesLogAlone) {
  for (const RoundNumber round : {1u, 2u})
    ASSERT_TRUE(std::holds_alternative<TrainResult>(train(round).outcome));
  std::filesystem::remove(ledger_.file());
  const auto failed = std::get<TaskFailure>(train(3).outcome);
  EXPECT_EQ(failed.reason, Reason::kStorageFailed);
  EXPECT_THAT(failed.detail, Not(HasSubstr("ledger.jsonl")));
  EXPECT_THAT(log_, HasSubstr(ledger_.file()));
}

TEST_F(PrivateRounds, ARoundThatIsDoneAgainIsPaidForAgain) {
  ASSERT_TRUE(std::holds_alternative<TrainResult>(train(1).outcome));
  const auto again = std::get<TrainResult>(train(1).outcome);
  EXPECT_EQ(entries(), 2u);
  const DpEvent event{DpMechanism::kGaussian, DpSampling::kPoisson, 0.1, 1.5, 20};
  EXPECT_NEAR(again.epsilon, *epsilon_of({event}, kRecordAdjacency, 1e-5, DpAccounting::kRdp),
              1e-9);
}

}  // namespace
}  // namespace tributary

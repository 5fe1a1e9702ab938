// SPDX-License-Identifier: Apache-2.0
// What a site makes of an offer before it does anything with it: signatures that do not fit,
// policies that deny, people who have not decided.
#include "client/work/job_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/crypto/pki.h"
#include "common/trust/job_signing.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kDocument =
    "name: heart\nmodel: logistic\ndata: {dataset: d, features: [age], label: sick}\n"
    "train: {optimizer: sgd}\nrounds: {count: 2}\n";

// A clock of today, so that certificates made now are valid; moved by hand.
class MovedClock final : public Clock {
 public:
  TimePoint now() const override { return {moved_ms}; }
  std::int64_t wall_ms() const override { return started_ + moved_ms; }
  std::int64_t moved_ms = 0;

 private:
  std::int64_t started_ = SystemClock().wall_ms();
};

class JobGateTest : public testing::Test {
 protected:
  JobGateTest() : task_(signed_task(kDocument)) {}

  Task signed_task(const std::string& document, const std::string& name = "alice",
                   bool dry_run = false, const std::string& role = "operator") {
    Task task;
    task.key = {job_id_of("heart", "token", document), 0, 1, TaskKind::kPrepare};
    task.document = document;
    task.dry_run = dry_run;
    submitter_ = *issue_certificate(ca_, {name, role, {}, KeyKind::kEd25519, 10});
    const Signer signer = *Signer::make(submitter_.certificate, submitter_.key);
    task.signature = *sign_job(signer, manifest_of(task), clock_.wall_ms());
    return task;
  }
  Admission admit(const Task& task) {
    told_.clear();
    JobGate gate({SiteName{"north"}, [this] { return policy_; },
                  [this] { return Trust(ca_.certificate, lists_); }, clock_,
                  [this](const char* event, EventFields) { told_.push_back(event); }, jobs_});
    return gate.admit(task);
  }
  // "" where it may run.
  std::string refusal(const Task& task) {
    const Admission admission = admit(task);
    const auto* refused = std::get_if<Refused>(&admission);
    if (refused == nullptr) return "";
    detail_ = refused->detail;
    for (const std::string word : {"policy.", "alice", "manual", "hours", "submitters"})
      EXPECT_THAT(refused->told, Not(HasSubstr(word)));
    return std::string(reason_name(refused->reason));
  }

  PemPair ca_ = *make_ca("test", KeyKind::kEd25519, 100);
  PemPair submitter_;  // of the last task that was signed
  MovedClock clock_;
  TemporaryDirectory directory_;
  FullDisk disk_;
  KnownJobs jobs_{disk_, directory_ / "jobs"};
  std::string lists_;  // of revoked certificates
  Result<SitePolicy> policy_ = SitePolicy{};
  std::vector<std::string> told_;  // events
  std::string detail_;
  Task task_;
};

TEST_F(JobGateTest, AJobAsItsSubmitterSignedItMayRun) {
  EXPECT_EQ(refusal(task_), "");
  EXPECT_EQ(jobs_.find(task_.key.job)->submitter, "alice");
}

TEST_F(JobGateTest, ACoordinatorThatChangesTheJobIsRefusedAndTold) {
  const std::vector<std::function<void(Task&)>> lies = {
      [](Task& task) { task.document.replace(task.document.find("age"), 3, "all"); },
      [](Task& task) { task.document += "seed: 4\n"; },
      [](Task& task) { task.document = "no job at all"; },
      [](Task& task) { task.key.job.value = "heart-00000000"; },
      [](Task& task) {
        task.model_file = {*digest_from_hex(std::string(64, 'a')), 5};
      },
      [](Task& task) { task.dry_run = true; },
      [](Task& task) { task.signature = {}; },
  };
  for (std::size_t i = 0; i < lies.size(); ++i) {
    Task changed = task_;
    lies[i](changed);
    EXPECT_EQ(refusal(changed), "signature_invalid") << i;
    EXPECT_THAT(told_, testing::ElementsAre("job.untrusted")) << i;
  }
  EXPECT_TRUE(jobs_.all()->empty()) << "nothing of it is kept";
}

TEST_F(JobGateTest, ADryRunThatWasSignedComesToNoRound) {
  Task dry = signed_task(kDocument, "alice", true);
  EXPECT_EQ(refusal(dry), "");
  dry.key.round = 1;
  dry.key.kind = TaskKind::kTrain;
  EXPECT_EQ(refusal(dry), "signature_invalid");
}

TEST_F(JobGateTest, UnsignedJobsRunWhereTheSiteSaysSo) {
  Task plain = task_;
  plain.signature = {};
  policy_->require_signature = false;
  EXPECT_EQ(refusal(plain), "");
  plain.signature = task_.signature;
  plain.document += "seed: 4\n";
  EXPECT_EQ(refusal(plain), "signature_invalid") << "a signature that is there must fit";
  plain = task_;
  plain.signature = {};
  policy_->submitters = {{"alice"}};
  EXPECT_EQ(refusal(plain), "policy_denied") << "nobody knows whose it is";
}

TEST_F(JobGateTest, OnlyNamedSubmittersMayHaveItRun) {
  policy_->submitters = {{"alice"}};
  EXPECT_EQ(refusal(task_), "");
  EXPECT_EQ(refusal(signed_task(kDocument, "mallory")), "policy_denied");
  EXPECT_THAT(detail_, HasSubstr("submitters does not name 'mallory'"));
}

// Whatever a coordinator says of its roles.
TEST_F(JobGateTest, ASignatureOfARoleThatMayNotSubmitDoesNotCount) {
  for (const char* role : {"analyst", "auditor"}) {
    EXPECT_EQ(refusal(signed_task(kDocument, "ada", false, role)), "signature_invalid") << role;
    EXPECT_THAT(detail_, HasSubstr("whose role is " + std::string(role)));
    EXPECT_THAT(told_, testing::ElementsAre("job.untrusted"));
  }
  for (const char* role : {"operator", "root-admin", "org-admin", "lead"}) {
    const std::string document = "priority: 1  # " + std::string(role) + "\n" + kDocument;
    EXPECT_EQ(refusal(signed_task(document, "ada", false, role)), "") << role;
  }
  policy_->submitter_roles = {"org-admin"};
  EXPECT_EQ(refusal(task_), "signature_invalid");
  policy_->submitter_roles = {};
  EXPECT_EQ(refusal(task_), "signature_invalid");
}

TEST_F(JobGateTest, AJobOutlivesTheCertificateOfItsSubmitter) {
  ASSERT_EQ(refusal(task_), "");
  const Task late = signed_task("priority: 1\n" + std::string(kDocument));
  clock_.moved_ms = 20LL * 24 * 3600 * 1000;
  EXPECT_EQ(refusal(task_), "") << "it was seen while the certificate was valid";
  EXPECT_EQ(refusal(late), "signature_invalid") << "nobody signs with a key that has ended";
}

TEST_F(JobGateTest, AJobDoesNotOutliveTheRevocationOfItsSubmitter) {
  policy_->approval = Approval::kManual;
  lists_ = *make_crl(ca_, "", {}, 3600);
  ASSERT_EQ(refusal(task_), "policy_pending");
  ASSERT_TRUE(jobs_.decide(*jobs_.find(task_.key.job), Decision::kApproved));
  ASSERT_EQ(refusal(task_), "");
  lists_ = *make_crl(ca_, "", {submitter_.certificate}, 3600);
  EXPECT_EQ(refusal(task_), "signature_invalid") << "whatever a person said of it before";
  EXPECT_THAT(detail_, HasSubstr("'alice' was revoked"));
}

TEST_F(JobGateTest, AQuorumThatWasLoweredIsHeldAgainstThePolicy) {
  policy_->min_sites = 2;
  EXPECT_EQ(refusal(task_), "") << "minimum_sites is 2, and an old coordinator tells no more";
  task_.least_sites = 2;
  EXPECT_EQ(refusal(task_), "");
  task_.least_sites = 1;
  EXPECT_EQ(refusal(task_), "policy_denied");
  EXPECT_THAT(detail_, HasSubstr("min_sites is 2, with this job it is 1"));
  policy_->min_sites = 3;
  task_.least_sites = 9;
  EXPECT_EQ(refusal(task_), "policy_denied") << "what was signed has to be enough, too";
}

TEST_F(JobGateTest, WithAManualApprovalAPersonDecides) {
  policy_->approval = Approval::kManual;
  EXPECT_EQ(refusal(task_), "policy_pending");
  EXPECT_THAT(told_, testing::ElementsAre("job.pending"));
  EXPECT_EQ(refusal(task_), "policy_pending");
  EXPECT_TRUE(told_.empty()) << "told once";
  const std::int64_t seen = jobs_.find(task_.key.job)->first_seen_wall_ms;
  clock_.moved_ms = 3'600'000;
  EXPECT_EQ(refusal(task_), "policy_pending");
  EXPECT_EQ(jobs_.find(task_.key.job)->first_seen_wall_ms, seen);
  EXPECT_GE(jobs_.find(task_.key.job)->asked_wall_ms, seen + 3'600'000) << "it is still wanted";
  const KnownJob known = *jobs_.find(task_.key.job);
  EXPECT_EQ(known.document, kDocument);
  ASSERT_TRUE(jobs_.decide(known, Decision::kApproved));
  EXPECT_EQ(refusal(task_), "");
  ASSERT_TRUE(jobs_.decide(known, Decision::kDenied));
  EXPECT_EQ(refusal(task_), "policy_denied");
  policy_->approval = Approval::kAutomatic;
  EXPECT_EQ(refusal(task_), "policy_denied") << "no stays no";
}

TEST_F(JobGateTest, AnApprovalIsOfWhatWasApproved) {
  policy_->approval = Approval::kManual;
  ASSERT_EQ(refusal(task_), "policy_pending");
  ASSERT_TRUE(jobs_.decide(*jobs_.find(task_.key.job), Decision::kApproved));
  clock_.moved_ms = 1000;
  const Task again = signed_task(kDocument, "mallory");
  ASSERT_EQ(again.key.job, task_.key.job);
  EXPECT_EQ(refusal(again), "signature_invalid") << "the same id, signed anew";
  EXPECT_EQ(refusal(task_), "") << "the one that was approved is not forgotten";
}

TEST_F(JobGateTest, AtOtherTimesOfTheDayItWaits) {
  const char* const before = std::getenv("TZ");
  const std::string zone = before == nullptr ? "" : before;
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  const int now = static_cast<int>(clock_.wall_ms() / 60'000 % (24 * 60));
  policy_->hours = {{(now + 60) % 1440, (now + 120) % 1440}};
  EXPECT_EQ(refusal(task_), "policy_pending");
  clock_.moved_ms = 90 * 60 * 1000;
  EXPECT_EQ(refusal(task_), "");
  if (before == nullptr) {
    ::unsetenv("TZ");
  } else {
    ::setenv("TZ", zone.c_str(), 1);
  }
}

TEST_F(JobGateTest, WithoutAPolicyNothingRuns) {
  policy_ = make_error(ErrorCode::kInvalidArgument, "policy.yaml: no such file");
  EXPECT_EQ(refusal(task_), "policy_pending") << "the coordinator asks again";
  EXPECT_THAT(told_, testing::ElementsAre("policy.unreadable"));
}

TEST_F(JobGateTest, TheStricterOfJobAndPolicyIsWhatCounts) {
  policy_->min_count = 50;
  const Admission strict = admit(task_);
  EXPECT_EQ(std::get<Admitted>(strict).job.data.minimum_category_count, 50);
  policy_->min_count = 2;
  const Admission loose = admit(task_);
  EXPECT_EQ(std::get<Admitted>(loose).job.data.minimum_category_count, 5) << "the job's own";
}

TEST_F(JobGateTest, OnAFullDiskAJobIsNotBegun) {
  disk_.room = 0;
  EXPECT_EQ(refusal(task_), "storage_failed");
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "common/base/limits.h"
#include "common/crypto/digest.h"
#include "common/tensor/safetensors.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

// A state store on a disk that can be full.
class FlakyStore final : public StateStore {
 public:
  bool full = false;
  Status apply(const RoundEffects& effects) override {
    return full ? Status{make_error(ErrorCode::kResourceExhausted, "disk full")}
                : real_->apply(effects);
  }
  Status save_site(const SiteRow& site) override { return real_->save_site(site); }
  Status save_standing(const SiteStanding& one, const RoundEffects& told) override {
    return real_->save_standing(one, told);
  }
  Result<std::vector<SiteStanding>> standings() const override { return real_->standings(); }
  Status save_enrolment(const Enrolment& one, const RoundEffects& told) override {
    return real_->save_enrolment(one, told);
  }
  Result<std::vector<Enrolment>> enrolments() const override { return real_->enrolments(); }
  Result<std::vector<JobRecord>> jobs() const override { return real_->jobs(); }
  Result<JobRecord> job(const JobId& job) const override { return real_->job(job); }
  Result<std::vector<AcceptedUpdate>> accepted(const JobId& job) const override {
    return real_->accepted(job);
  }
  Result<std::vector<RoundRow>> rounds(const JobId& job) const override {
    return real_->rounds(job);
  }
  Result<std::vector<SiteRow>> sites() const override { return real_->sites(); }
  Result<std::vector<SiteSpending>> ledger(const std::string& dataset) const override {
    return real_->ledger(dataset);
  }

 private:
  std::unique_ptr<StateStore> real_ = *StateStore::open(":memory:");
};

class Sites final : public SitePort {
 public:
  std::vector<Message> sent;
  void send(const SiteName&, const Message& message) override { sent.push_back(message); }
  void fetch(const SiteName&, const BlobRef&, Lodging, std::function<void(Status)>) override {}
};

class DriverTest : public testing::Test {
 protected:
  DriverPorts ports() {
    return {clock_,
            store_,
            *blobs_,
            models_,
            sites_,
            [this](const Report& report) { reports_.push_back(report.event); },
            [](std::function<void()> work) { work(); },
            [](const JobId&, std::function<void()> work) { work(); }};
  }
  SubmitJob job(const std::string& token) {
    return {
        "name: j\nmodel: {family: logistic}\ndata: {dataset: d, features: [x], label: y, "
        "standardize: none}\ntrain: "
        "{}\nrounds: {count: 1, minimum_sites: 1}\n",
        token,
        {}};
  }
  std::size_t count(const std::string& event) {
    return static_cast<std::size_t>(std::ranges::count(reports_, event));
  }

  TemporaryDirectory directory_;
  FullDisk disk_;
  ManualClock clock_;
  FlakyStore store_;
  std::unique_ptr<Staging> blobs_ =
      std::make_unique<Staging>(*BlobStore::open(disk_, directory_ / "blobs"), 0);
  ModelRepository models_{disk_, directory_ / "models"};
  Sites sites_;
  std::vector<std::string> reports_;
  Driver driver_{ports(), {}};
};

TEST_F(DriverTest, TheSameTokenIsTheSameJobAndABadFileIsNone) {
  const auto first = driver_.submit(job("a"));
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->existed);
  EXPECT_TRUE(driver_.submit(job("a"))->existed);
  EXPECT_NE(driver_.submit(job("b"))->job, first->job);
  SubmitJob other = job("a");
  other.document += "seed: 7\n";
  EXPECT_THAT(driver_.submit(other).error().message, testing::HasSubstr("another file"));
  SubmitJob bad = job("c");
  bad.document += "oops: 1\n";
  EXPECT_THAT(driver_.submit(bad).error().message, testing::HasSubstr("oops"));
}

// It was off the link when the job ended, and would keep what it has for it.
TEST_F(DriverTest, ASiteThatSpeaksOfASumOfAJobThatIsOverMayForgetIt) {
  const SumAnswer answer{{JobId{"over-1"}, 3, 1, TaskKind::kTrain}, SumAgreement{}};
  driver_.handle(SiteName{"site-a"}, answer);
  ASSERT_EQ(sites_.sent.size(), 1u);
  const auto& told = std::get<RoundCommitted>(sites_.sent[0]);
  EXPECT_EQ(told.job.value, "over-1");
  EXPECT_EQ(told.round, 4u);
}

TEST_F(DriverTest, AJobWhoseBudgetOfPrivacyLastsForNoRoundIsRefused) {
  const auto with = [this](const std::string& token, const std::string& noise) {
    SubmitJob request = job(token);
    request.document += "privacy: {sites: {clip: 2, noise_multiplier: " + noise +
                        ", delta: 1e-5, max_epsilon: 1}}\n";
    const std::size_t at = request.document.find("count: 1,");
    request.document.insert(at, "target: 3, ");
    return request;
  };
  const auto refused = driver_.submit(with("a", "1"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("one round costs epsilon"));
  EXPECT_FALSE(driver_.check(with("a", "1"), "alice"));
  const auto taken = driver_.submit(with("b", "10"));
  ASSERT_TRUE(taken) << taken.error().message;
  const JobRecord& record = driver_.engine().find(taken->job)->record();
  ASSERT_TRUE(record.spent.has_value());
  EXPECT_EQ(record.spent->clip, 2.0);
  EXPECT_EQ(record.spent->epsilon, 0.0);
}

TEST_F(DriverTest, NothingIsToldBeforeItsRecordIsDurable) {
  const JobId id = driver_.submit(job("a"))->job;
  store_.full = true;
  driver_.handle(JobAbortRequested{id, "wrong data"});
  ASSERT_TRUE(driver_.stalled());
  EXPECT_EQ(count("job.aborted"), 0u);
  EXPECT_GE(count("state.stalled"), 1u);
  driver_.handle(SiteConnected{SiteName{"north"}, {"d"}});
  EXPECT_TRUE(sites_.sent.empty()) << "everything waits";
  EXPECT_FALSE(driver_.submit(job("b"))) << "and a submit is told so";
  store_.full = false;
  clock_.advance(Milliseconds(2000));
  driver_.handle(TimePassed{});
  EXPECT_FALSE(driver_.stalled());
  EXPECT_EQ(count("job.aborted"), 1u) << "and goes on where it was";
}

// One site with two jobs at once, whose model and updates are the same bytes: they share blobs.
class TwoJobs : public DriverTest, public SitePort {
 protected:
  void send(const SiteName& site, const Message& message) override {
    const auto* offer = std::get_if<TaskOffer>(&message);
    if (offer == nullptr) return;
    const TaskKey& key = offer->task.key;
    TaskOutcome outcome = PrepareResult{{.training_rows = 10, .numeric = {}, .categories = {}}};
    if (key.kind == TaskKind::kInitialize) outcome = InitializeResult{put({1.0f})};
    if (key.kind == TaskKind::kTrain) {
      EXPECT_TRUE(blobs_->contains(offer->task.model.digest)) << "the model can be fetched";
      TrainResult trained;
      trained.update = put({0.0f});  // nothing more to learn, in any round
      trained.examples = 10;
      outcome = trained;
    }
    engine_work_.push_back([this, site, result = TaskResult{key, outcome}] {
      driver().handle(SiteReturned{site, result});
    });
  }
  void fetch(const SiteName&, const BlobRef& blob, Lodging,
             std::function<void(Status)> done) override {
    engine_work_.push_back([this, blob, done = std::move(done)] {
      done(blobs_->contains(blob.digest) ? Status{} : make_error(ErrorCode::kNotFound, "gone"));
    });
  }
  BlobRef put(std::vector<float> values) {
    const Bytes bytes = encode_safetensors({{{{"w", {1}}}}, std::move(values)});
    return {*blobs_->put(bytes), bytes.size()};
  }
  Driver& driver() {
    if (!two_) {
      DriverPorts with_queues{clock_,
                              store_,
                              *blobs_,
                              models_,
                              *this,
                              [](const Report&) {},
                              [this](auto work) { engine_work_.push_back(std::move(work)); },
                              [this](const JobId& id, auto work) {
                                (held(id) ? held_work_ : engine_work_).push_back(std::move(work));
                              }};
      two_ = std::make_unique<Driver>(std::move(with_queues), EngineOptions{.running_jobs_max = 2});
    }
    return *two_;
  }
  void run() {
    while (!engine_work_.empty()) {
      const std::function<void()> next = std::move(engine_work_.front());
      engine_work_.pop_front();
      next();
    }
  }
  JobId submit(const std::string& token) {
    SubmitJob two_rounds = job(token);
    two_rounds.document.replace(two_rounds.document.find("count: 1"), 8, "count: 3");
    return driver().submit(two_rounds)->job;
  }
  bool held(const JobId& id) { return id == held_ && state(id) == JobState::kTraining; }
  JobState state(const JobId& id) { return driver().engine().find(id)->record().state; }

  std::deque<std::function<void()>> engine_work_, held_work_;
  JobId held_;  // a job whose checks and folds are late, but not its initial model
  std::unique_ptr<Driver> two_;
};

TEST_F(TwoJobs, OneJobNeverTakesAwayWhatTheOtherNeeds) {
  const JobId slow = submit("a");
  const JobId fast = submit("b");
  driver().handle(SiteConnected{SiteName{"north"}, {"d"}});
  held_ = slow;
  run();
  ASSERT_EQ(state(fast), JobState::kFinished);
  ASSERT_EQ(state(slow), JobState::kTraining);
  ASSERT_FALSE(held_work_.empty()) << "an update waits for its check";
  held_ = JobId{};
  engine_work_.swap(held_work_);
  run();
  EXPECT_EQ(state(slow), JobState::kFinished);
  EXPECT_TRUE(blobs_->list()->empty()) << "and what nobody needs does not stay";
}

TEST_F(TwoJobs, NoMemoryForAnUpdateCostsThatUpdateNotTheDaemon) {
  const JobId id = submit("a");
  held_ = id;
  driver().handle(SiteConnected{SiteName{"north"}, {"d"}});
  run();
  ASSERT_FALSE(held_work_.empty()) << "an update waits for its check";
  disk_.no_memory = true;
  held_work_.front()();
  disk_.no_memory = false;
  held_work_.pop_front();
  held_ = JobId{};
  run();
  EXPECT_EQ(state(id), JobState::kTraining);
  clock_.advance(Milliseconds(limits::kFinishRetryMs));
  driver().handle(TimePassed{});
  run();
  EXPECT_EQ(state(id), JobState::kFinished) << "the same update is checked again";
}

// An earlier life was receiving an update when it ended. Its site may be away for long, and other
// jobs go on meanwhile.
TEST_F(DriverTest, WhatAnEarlierLifeLeftStaysUntilItsRoundsAreOver) {
  const JobId open = driver_.submit(job("a"))->job;
  const BlobRef update{sha256(as_bytes("update")), 6};
  ASSERT_TRUE((*blobs_->receive(update))->append(as_bytes("upd")));
  const Digest unchecked = *blobs_->put(as_bytes("all of another one"));
  Driver next(ports(), {.running_jobs_max = 2});
  ASSERT_TRUE(next.recover());
  next.handle(JobAbortRequested{next.submit(job("b"))->job, "a job of this life"});
  EXPECT_TRUE(blobs_->contains(unchecked));
  EXPECT_EQ((*blobs_->receive(update))->size(), 3u);
  next.handle(JobAbortRequested{open, "the one that was open"});
  EXPECT_TRUE(blobs_->list()->empty());
}

TEST_F(DriverTest, WithoutAnOpenRoundNothingOfAnEarlierLifeStays) {
  JobRecord queued;
  queued.id = JobId{"queued"};
  queued.document = job("a").document;
  ASSERT_TRUE(store_.apply({SaveJob{queued}}));
  ASSERT_TRUE((*blobs_->receive({sha256(as_bytes("update")), 6}))->append(as_bytes("upd")));
  Driver next(ports(), {});
  ASSERT_TRUE(next.recover());
  EXPECT_TRUE(blobs_->list()->empty());
}

TEST_F(DriverTest, AJobThatIsOverNeverStopsAStart) {
  JobRecord old;
  old.id = JobId{"old"};
  old.state = JobState::kFinished;
  old.document = "written: by another version\n";
  ASSERT_TRUE(store_.apply({SaveJob{old}}));
  Driver next(ports(), {});
  ASSERT_TRUE(next.recover());
  EXPECT_NE(next.engine().find(old.id), nullptr);
}

// A job whose rounds have noise that is to be taken off again, after the first of its pass.
TEST_F(DriverTest, WithoutTheNoiseOfItsPassAJobEndsAtTheStart) {
  JobRecord record;
  record.id = JobId{"passes"};
  record.state = JobState::kTraining;
  record.round = 1;
  record.document = job("").document +
                    "privacy: {sites: {mechanism: tree, rounds_per_pass: 2, clip: 1, "
                    "noise_multiplier: 9, delta: 1e-5, max_epsilon: 9}}\n";
  record.document.insert(record.document.find("count: 1,"), "target: 3, ");
  const auto model = *models_.create_model(record.id, 1, Layout{{{"w", {1}}}});
  const std::vector<float> values = {1.0f};
  ASSERT_TRUE(model->write(values));
  record.model = *model->commit();
  SeededRandom random(1);
  const NoiseTree tree = next_step(begin_tree(random), 2, {}).after;
  ASSERT_TRUE(store_.apply({SaveJob{record}}));
  for (const bool there : {true, false}) {
    ASSERT_TRUE(there ? models_.write_noise(record.id, tree) : models_.remove_noise(record.id));
    Driver next(ports(), {});
    const Status recovered = next.recover();
    ASSERT_TRUE(recovered) << recovered.error().message;
    const JobRecord& now = next.engine().find(record.id)->record();
    EXPECT_EQ(now.state, there ? JobState::kTraining : JobState::kFailed) << now.detail;
    if (!there) {
      EXPECT_THAT(now.detail, testing::HasSubstr("noise-0001.key is missing"));
    }
  }
  ASSERT_TRUE(models_.write_noise(record.id, tree));
  Driver last(ports(), {});
  ASSERT_TRUE(last.recover());
  EXPECT_FALSE(models_.has_noise(record.id, 1))
      << "the job is over: it is of no use, but to others";
}

TEST_F(DriverTest, JobsOfAnEarlierLifeGoOn) {
  const JobId id = driver_.submit(job("a"))->job;
  Driver next(ports(), {});
  ASSERT_TRUE(next.recover());
  ASSERT_NE(next.engine().find(id), nullptr);
  next.handle(SiteConnected{SiteName{"north"}, {"d"}});
  EXPECT_FALSE(sites_.sent.empty());
}

}  // namespace
}  // namespace tributary

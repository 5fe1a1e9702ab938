// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

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
  Result<std::vector<JobRecord>> jobs() const override { return real_->jobs(); }
  Result<std::vector<AcceptedUpdate>> accepted(const JobId& job) const override {
    return real_->accepted(job);
  }
  Result<std::vector<RoundRow>> rounds(const JobId& job) const override {
    return real_->rounds(job);
  }
  Result<std::vector<SiteRow>> sites() const override { return real_->sites(); }

 private:
  std::unique_ptr<StateStore> real_ = *StateStore::open(":memory:");
};

class Sites final : public SitePort {
 public:
  std::vector<Message> sent;
  void send(const SiteName&, const Message& message) override { sent.push_back(message); }
  void fetch(const SiteName&, const BlobRef&, std::function<void(Status)>) override {}
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
        "name: j\nmodel: {family: logistic}\ndata: {dataset: d, features: [x], label: y}\ntrain: "
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
  std::unique_ptr<BlobStore> blobs_ = *BlobStore::open(disk_, directory_ / "blobs");
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
  SubmitJob bad = job("c");
  bad.document += "oops: 1\n";
  EXPECT_THAT(driver_.submit(bad).error().message, testing::HasSubstr("oops"));
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

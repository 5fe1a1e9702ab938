// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/operator_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/limits.h"
#include "common/crypto/pki.h"
#include "common/wire/message_codec.h"
#include "coordinator/ctl/job_pages.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

class NoSites final : public SitePort {
 public:
  void send(const SiteName&, const Message&) override {}
  void fetch(const SiteName&, const BlobRef&, Lodging, std::function<void(Status)>) override {}
};

class OperatorApiTest : public testing::Test {
 protected:
  JobId submit() {
    const Message reply = api_.answer(
        "olga",
        SubmitJob{
            "name: j\nmodel: {family: logistic}\ndata: {dataset: d, features: [x], label: y}\n"
            "train: {}\nrounds: {count: 1, minimum_sites: 1}\n",
            "t",
            {}});
    return std::get<JobSubmitted>(reply).job;
  }
  void add_round(const JobId& job, std::uint32_t round, std::size_t sites) {
    RoundRow row;
    row.round = round;
    row.task = "train";
    row.outcome = "committed";
    for (std::size_t i = 0; i < sites; ++i) {
      row.participants.push_back({SiteName{"site-" + std::to_string(i)}, "train", "failed",
                                  std::string(i % 200, 'x'), i, i, 1.5, 0.25, 2.0});
    }
    ASSERT_TRUE(store_->apply({SaveRound{job, row}}));
  }
  // As an operator's program asks: page after page, each of which must go into a frame.
  JobDetail all_pages(const JobId& job, std::size_t& pages, const std::function<void()>& between) {
    JobDetail whole;
    pages = 0;
    do {
      const Message reply = api_.answer("olga", ShowJob{job, whole.next});
      const auto bytes = encode_message(reply);
      EXPECT_TRUE(bytes && bytes->size() < limits::kControlBytesMax * 3 / 4);
      EXPECT_TRUE(append_page(whole, std::get<JobDetail>(reply)));
      if (++pages == 1) between();
    } while (whole.next != RecordPosition{});
    return whole;
  }

  TemporaryDirectory directory_;
  FullDisk disk_;
  ManualClock clock_;
  std::unique_ptr<StateStore> store_ = *StateStore::open(":memory:");
  std::unique_ptr<Staging> blobs_ =
      std::make_unique<Staging>(*BlobStore::open(disk_, directory_ / "blobs"), 0);
  ModelRepository models_{disk_, directory_ / "models"};
  NoSites sites_;
  Driver driver_{{clock_, *store_, *blobs_, models_, sites_, [](const Report&) {},
                  [](std::function<void()> work) { work(); },
                  [](const JobId&, std::function<void()> work) { work(); }},
                 {}};
  std::unique_ptr<EventLog> log_ = *EventLog::open({EventLevel::kError, false, "", -1}, clock_);
  SiteRegistry registry_ = *SiteRegistry::open(*store_, *log_);
  Enrolments enrolments_ = *Enrolments::open({clock_, *store_, *log_, {}, {}, {}, {}});
  OperatorApi api_{
      {clock_, driver_, *store_, models_, "test", clock_.now(), registry_, enrolments_}};
};

TEST_F(OperatorApiTest, ALongJobIsShownInPagesOfWhichEachFitsIntoAFrame) {
  const JobId job = submit();
  for (std::uint32_t round = 1; round <= 60; ++round) add_round(job, round, 300);
  add_round(job, 61, 12'000);  // one round alone is more than a page
  std::size_t pages = 0;
  const JobDetail whole = all_pages(job, pages, [&] { add_round(job, 62, 3); });
  EXPECT_GT(pages, 5u);
  ASSERT_EQ(whole.rounds.size(), 62u) << "the round that was done between two pages included";
  for (std::size_t i = 0; i < 62; ++i) {
    EXPECT_EQ(whole.rounds[i].round, i + 1);
    const auto& participants = whole.rounds[i].participants;
    ASSERT_EQ(participants.size(), i == 61 ? 3u : i == 60 ? 12'000u : 300u);
    for (std::size_t k = 0; k < participants.size(); ++k)
      ASSERT_EQ(participants[k].site.value, "site-" + std::to_string(k));
  }
  EXPECT_TRUE(whole.document.empty()) << "the document is the first page's";
}

TEST_F(OperatorApiTest, AShortJobIsOnePageAndAPageBehindTheEndIsEmpty) {
  const JobId job = submit();
  add_round(job, 1, 2);
  const auto page = std::get<JobDetail>(api_.answer("olga", ShowJob{job}));
  EXPECT_EQ(page.rounds.size(), 1u);
  EXPECT_EQ(page.next, RecordPosition{});
  EXPECT_THAT(page.document, testing::HasSubstr("name: j"));
  const auto behind = std::get<JobDetail>(api_.answer("olga", ShowJob{job, {1000, 7}}));
  EXPECT_TRUE(behind.rounds.empty());
  EXPECT_EQ(behind.next, RecordPosition{});
}

TEST_F(OperatorApiTest, AJobBelongsToWhoeverSignedIt) {
  const PemPair ca = *make_ca("test", KeyKind::kEd25519, 100);
  const PemPair pair = *issue_certificate(ca, {"olga", "lead", {}, KeyKind::kEd25519, 10});
  SubmitJob request{
      "name: k\nmodel: {family: logistic}\ndata: {dataset: d, features: [x], label: y}\n"
      "train: {}\nrounds: {count: 1, minimum_sites: 1}\n",
      "another",
      {}};
  request.signature.certificates = pair.certificate;
  const JobId job = std::get<JobSubmitted>(api_.answer("olga", request)).job;
  EXPECT_TRUE(api_.is_of(job, "olga"));
  EXPECT_FALSE(api_.is_of(job, "oscar"));
  EXPECT_FALSE(api_.is_of(job, "oidc:olga")) << "the same name of the single sign-on";
  EXPECT_FALSE(api_.is_of(JobId{"none"}, "olga"));
  const JobId unsigned_job = submit();
  EXPECT_FALSE(api_.is_of(unsigned_job, "olga"));
  EXPECT_FALSE(api_.is_of(unsigned_job, ""));
}

}  // namespace
}  // namespace tributary

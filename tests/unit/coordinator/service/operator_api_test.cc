// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/operator_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "common/base/limits.h"
#include "common/crypto/pki.h"
#include "common/wire/message_codec.h"
#include "coordinator/ctl/pages.h"
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
  JobId submit(const std::string& token = "t") {
    const Message reply = api_.answer(
        "olga",
        SubmitJob{
            "name: j\nmodel: {family: logistic}\ndata: {dataset: d, features: [x], label: y}\n"
            "train: {}\nrounds: {count: 1, minimum_sites: 1}\n",
            token,
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
  // As an operator's program asks for a list, with what happens after its first page.
  template <typename Reply, typename Request>
  Reply all_pages_of(std::size_t& pages, const std::function<void()>& between) {
    Reply whole;
    Request request;
    pages = 0;
    do {
      const Message reply = api_.answer("olga", request);
      const auto bytes = encode_message(reply);
      EXPECT_TRUE(bytes && bytes->size() < limits::kControlBytesMax * 3 / 4);
      EXPECT_TRUE(append_page(whole, std::get<Reply>(reply)));
      if (++pages == 1) between();
      request.from = whole.next;
    } while (whole.next > 0);
    return whole;
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

// By far more jobs than have a place in a frame; what they cost together counts all of them.
TEST_F(OperatorApiTest, TheLedgerOfTheDatasetIsShownWithItsTotal) {
  SubmitJob request{
      "name: j\nmodel: {family: logistic}\ndata: {dataset: d, features: [x], label: y, "
      "standardize: none}\ntrain: {}\nrounds: {count: 1, target: 9, minimum_sites: 1}\n"
      "privacy: {sites: {clip: 1, noise_multiplier: 9, delta: 1e-5, max_epsilon: 5}}\n",
      "private",
      {}};
  const JobId job = std::get<JobSubmitted>(api_.answer("olga", request)).job;
  const auto before = std::get<JobDetail>(api_.answer("olga", ShowJob{job}));
  EXPECT_EQ(before.dataset_epsilon, 0.0);
  EXPECT_EQ(before.summary.epsilon, 0.0);
  RoundEffects spent;
  const std::string long_name(60, 'x');
  for (int i = 0; i < 1'500; ++i) {
    const JobId other{long_name + std::to_string(i)};
    spent.push_back(SaveSpending{{"d", other, 4, 30.0, 1e-5, 1.0 / 3.0, 2.0 / 3.0}});
  }
  ASSERT_TRUE(store_->apply(spent));
  const Message reply = api_.answer("olga", ShowJob{job});
  const auto bytes = encode_message(reply);
  EXPECT_TRUE(bytes && bytes->size() < limits::kControlBytesMax / 4);
  const auto& page = std::get<JobDetail>(reply);
  ASSERT_EQ(page.ledger.size(), kSpendingsShown);
  EXPECT_EQ(page.ledger.back().job.value, long_name + "1499") << "the last ones";
  // 6000 rounds of 30: rho = 6000 / 1800; rho-zCDP gives at most rho + 2 sqrt(rho ln(1 / delta)).
  const double rho = 6000.0 / 1800.0, most = rho + 2 * std::sqrt(rho * std::log(1e5));
  EXPECT_LT(*page.dataset_epsilon, most);
  EXPECT_GT(*page.dataset_epsilon, 0.8 * most) << "of those that are not shown too";
  const auto plain = std::get<JobDetail>(api_.answer("olga", ShowJob{submit()}));
  EXPECT_FALSE(plain.dataset_epsilon.has_value()) << "a job that hides nobody has none";
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

TEST_F(OperatorApiTest, ManySitesAndJobsWithLongReasonsComeInPages) {
  constexpr std::size_t kJobs = 300;
  for (std::size_t i = 0; i < kJobs; ++i)
    api_.answer("olga", AbortJob{submit(std::to_string(i)), std::string(4000, 'x')});
  std::size_t pages = 0;
  const auto jobs = all_pages_of<JobList, ListJobs>(pages, [&] { submit("one more"); });
  EXPECT_GT(pages, 2u);
  ASSERT_EQ(jobs.jobs.size(), kJobs + 1) << "what was submitted between two pages included";
  std::set<std::string> ids;
  for (const JobSummary& job : jobs.jobs) ids.insert(job.job.value);
  EXPECT_EQ(ids.size(), kJobs + 1);

  const auto site = [](std::size_t i) {
    return SiteRow{SiteName{"hospital-of-some-town-" + std::to_string(10'000 + i)},
                   false,
                   "",
                   77,
                   "[2001:db8::1]:40000",
                   "tributary 0.1",
                   {"heart"}};
  };
  for (std::size_t i = 1; i <= 10'000; ++i) ASSERT_TRUE(store_->save_site(site(i)));
  ASSERT_TRUE(registry_.control({SiteName{"never-came"}, SiteAction::kDisable, ""}, "olga"));
  const auto status =
      all_pages_of<StatusReply, GetStatus>(pages, [&] { ASSERT_TRUE(store_->save_site(site(0))); });
  EXPECT_GT(pages, 3u);
  std::set<SiteName> names;
  for (const SiteRow& row : status.sites) names.insert(row.site);
  EXPECT_EQ(names.size(), 10'001u) << "but the one before the first page's end";
  EXPECT_TRUE(names.contains(SiteName{"never-came"}));
  EXPECT_GE(status.jobs.size(), kJobs + 1);
}

TEST_F(OperatorApiTest, PagesThatLeadNowhereAreRefused) {
  JobList jobs{{}, 7};
  EXPECT_FALSE(append_page(jobs, {{}, 7}));
  EXPECT_TRUE(append_page(jobs, {{}, 8}));
  EXPECT_TRUE(append_page(jobs, {{}, 0})) << "the last one";
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

// SPDX-License-Identifier: Apache-2.0
// Sites that come, are told when to come back, and go, over links of the test.
#include "coordinator/service/site_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/limits.h"
#include "common/crypto/digest.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

class TestLink final : public Link {
 public:
  std::vector<Message> sent;
  std::optional<Error> closed;
  std::int64_t retry_after_ms = 0;

  Status send(const Message& message) override {
    sent.push_back(message);
    return {};
  }
  void add_source(std::uint32_t, ChunkSource) override {}
  void remove_source(std::uint32_t) override {}
  void close(Error why, std::int64_t retry) override {
    closed = std::move(why);
    retry_after_ms = retry;
  }
};

class SiteSessionsTest : public testing::Test {
 protected:
  void open(AdmissionConfig admission, std::vector<std::string> allowed = {},
            std::uint64_t upload_memory = 1u << 30) {
    sites_.emplace(SiteSessions::Ports{clock_,
                                       *blobs_,
                                       *store_,
                                       *log_,
                                       std::move(allowed),
                                       admission,
                                       "test",
                                       [](std::function<void()> work) { work(); },
                                       {},
                                       upload_memory});
    driver_.emplace(DriverPorts{clock_, *store_, *blobs_, models_, *sites_, [](const Report&) {},
                                [](std::function<void()> work) { work(); },
                                [](const JobId&, std::function<void()> work) { work(); }},
                    EngineOptions{});
    sites_->set_driver(&*driver_);
  }
  std::shared_ptr<TestLink> come(const std::string& site) {
    const auto link = std::make_shared<TestLink>();
    const auto handler = sites_->admit(link, SiteName{site}, "address", Hello{});
    EXPECT_EQ(handler == nullptr, link->closed.has_value());
    return link;
  }
  std::vector<Json> events(const std::string& name) {
    std::vector<Json> found;
    std::ifstream in(log_file_);
    for (std::string line; std::getline(in, line);) {
      if (Json json = Json::parse(line); json["event"] == name) found.push_back(std::move(json));
    }
    return found;
  }

  TemporaryDirectory directory_;
  const std::string log_file_ = directory_ / "log.jsonl";
  FullDisk disk_;
  ManualClock clock_;
  std::unique_ptr<EventLog> log_ =
      *EventLog::open({.level = EventLevel::kDebug, .file = log_file_, .text_fd = -1}, clock_);
  std::unique_ptr<StateStore> store_ = *StateStore::open(":memory:");
  std::unique_ptr<Staging> blobs_ =
      std::make_unique<Staging>(*BlobStore::open(disk_, directory_ / "blobs"), 0);
  ModelRepository models_{disk_, directory_ / "models"};
  std::optional<SiteSessions> sites_;
  std::optional<Driver> driver_;
};

TEST_F(SiteSessionsTest, AWelcomeSpreadsTheReturnOfAllThatWereEverThere) {
  open({.rate = 1});
  const auto spread_of = [](const TestLink& link) {
    return std::get<Welcome>(link.sent.at(0)).reconnect_spread_ms;
  };
  EXPECT_EQ(spread_of(*come("a")), 1'250);
  std::vector<SiteRow> earlier(9);
  for (std::size_t i = 0; i < earlier.size(); ++i) earlier[i].site.value = "s" + std::to_string(i);
  sites_->expect(earlier);
  clock_.advance(Milliseconds(1'000));
  EXPECT_EQ(spread_of(*come("s3")), 12'500) << "an earlier life's count, each once";
  open({.rate = 1}, {"a", "b"});
  EXPECT_EQ(spread_of(*come("a")), 2'500) << "nobody else can come";
}

TEST_F(SiteSessionsTest, WhoIsPutOffIsToldWhyAndTheLogDoesNotFlood) {
  open({.rate = 1});
  EXPECT_FALSE(come("a")->closed);
  for (int n = 1; n <= 30; ++n) {
    const auto link = come("s" + std::to_string(n));
    ASSERT_TRUE(link->closed);
    EXPECT_TRUE(link->sent.empty()) << "no Welcome";
    EXPECT_EQ(link->closed->code, ErrorCode::kUnavailable);
    EXPECT_THAT(link->closed->message, testing::HasSubstr("admission.rate"));
    EXPECT_EQ(link->retry_after_ms, 1'000 * n);
    sites_->pass_time();
  }
  EXPECT_TRUE(events("sites.postponed").empty());
  clock_.advance(Milliseconds(1'000));
  for (int i = 0; i < 3; ++i) sites_->pass_time();
  ASSERT_EQ(events("sites.postponed").size(), 1u);
  const Json line = events("sites.postponed")[0];
  EXPECT_EQ(line["level"], "warn");
  EXPECT_EQ(line["sites"], 30);
  EXPECT_EQ(line["reason"], "rate");
  EXPECT_EQ(line["connected"], 1);
  EXPECT_EQ(line["waiting"], 30);
  EXPECT_EQ(line["retry_after_ms"], 30'000);
  EXPECT_EQ(events("site.postponed").size(), 30u);
  EXPECT_EQ(events("site.postponed")[0]["level"], "debug");
  EXPECT_FALSE(come("s1")->closed) << "its turn";
  EXPECT_EQ(events("site.connected").size(), 2u);
}

TEST_F(SiteSessionsTest, ANewListSendsAwayWhoIsNotOnItAndLetsInWhoIs) {
  open({.rate = 100}, {"a", "b"});
  const auto first = come("a"), second = come("b");
  EXPECT_TRUE(come("c")->closed);
  sites_->renew({"b", "c"}, {.rate = 1});
  ASSERT_TRUE(first->closed);
  EXPECT_EQ(first->closed->code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(first->retry_after_ms, limits::kRedialMs);
  EXPECT_FALSE(second->closed);
  EXPECT_EQ(sites_->size(), 1u);
  EXPECT_TRUE(come("a")->closed);
  const auto third = come("c");
  ASSERT_TRUE(third->closed);
  EXPECT_EQ(third->closed->code, ErrorCode::kUnavailable) << "it may come, at the new rate";
  clock_.advance(Milliseconds(10'000));
  EXPECT_FALSE(come("c")->closed);
  sites_->renew({}, {.rate = 100});
  EXPECT_EQ(sites_->size(), 2u) << "no list: everybody may";
  clock_.advance(Milliseconds(10'000));
  EXPECT_FALSE(come("a")->closed);
}

TEST_F(SiteSessionsTest, AFullFederationTakesItsOwnSitesBackAndStrangersNot) {
  open({.rate = 100, .sites_max = 2});
  const auto first = come("a");
  come("b");
  const auto third = come("c");
  ASSERT_TRUE(third->closed);
  EXPECT_THAT(third->closed->message, testing::HasSubstr("admission.sites_max"));
  EXPECT_EQ(third->retry_after_ms, limits::kRedialMs);
  EXPECT_FALSE(come("a")->closed) << "on a second link, for the first";
  EXPECT_TRUE(first->closed);
  EXPECT_EQ(sites_->size(), 2u);
}

// The place of the first must not go to the second, which ends with the same link.
TEST_F(SiteSessionsTest, ALinkThatEndsTakesTheUploadsWithItThatWaitForTheirTurn) {
  open({.rate = 10}, {}, 1);
  const auto link = come("a");
  std::vector<ErrorCode> told;
  // The end goes through them in the order of their digests: the one that runs comes first.
  for (const Digest& digest : std::set{sha256(as_bytes("one")), sha256(as_bytes("another"))}) {
    sites_->fetch(SiteName{"a"}, {digest, 1'000}, Lodging::kDisk,
                  [&](const Status& status) { told.push_back(status.error().code); });
  }
  const auto requests = [&link] {
    return std::ranges::count_if(link->sent, [](const Message& message) {
      return std::holds_alternative<BlobRequest>(message);
    });
  };
  EXPECT_EQ(requests(), 1);
  come("a");
  EXPECT_EQ(requests(), 1) << "the second would be asked of what is no more";
  EXPECT_EQ(told, std::vector(2, ErrorCode::kUnavailable));
}

TEST_F(SiteSessionsTest, AShutdownGivesEachSiteItsTurn) {
  open({.rate = 4});
  std::vector<std::shared_ptr<TestLink>> links;
  for (int n = 0; n < 12; ++n) {
    links.push_back(come("s" + std::to_string(n)));
    clock_.advance(Milliseconds(1'000));
  }
  sites_->close_all(make_error(ErrorCode::kUnavailable, "stopping"));
  std::vector<std::int64_t> turns;
  for (const auto& link : links) {
    EXPECT_EQ(link->closed->message, "stopping");
    turns.push_back(link->retry_after_ms - limits::kRedialFirstMs);
  }
  EXPECT_THAT(turns, testing::UnorderedElementsAre(0, 0, 0, 0, 250, 500, 750, 1'000, 1'250, 1'500,
                                                   1'750, 2'000));
}

}  // namespace
}  // namespace tributary

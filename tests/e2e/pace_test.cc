// SPDX-License-Identifier: Apache-2.0
// Sites that come at once are let in one after the other, each when it was told; and whoever is
// sent away before it is let in is told why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <sstream>
#include <thread>

#include "common/transport/listener.h"
#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

constexpr int kSites = 4;

std::vector<Json> site_events(const FederationFiles& federation, int site,
                              const std::string& event) {
  std::vector<Json> found;
  const std::string name = "hospital-" + std::to_string(site) + ".jsonl";
  std::istringstream lines(FederationFiles::read(federation.path(name)));
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line, nullptr, false);
    if (json.is_object() && json.value("event", "") == event) found.push_back(json);
  }
  return found;
}

// Once each site has such an event, the last of each.
std::vector<Json> last_of_each(const FederationFiles& federation, const std::string& event) {
  std::vector<Json> found;
  for (int site = 1; site <= kSites; ++site) {
    std::vector<Json> its;
    EXPECT_TRUE(wait_until(
        [&] {
          its = site_events(federation, site, event);
          return !its.empty();
        },
        std::chrono::seconds(60)))
        << event << " at site " << site << "\n"
        << federation.logs();
    if (!its.empty()) found.push_back(its.back());
  }
  return found;
}

std::int64_t milliseconds_of(const Json& event) {
  const std::string ts = event["ts"].get<std::string>();  // 2026-11-24T10:15:02.114Z
  return ((std::stoll(ts.substr(11, 2)) * 60 + std::stoll(ts.substr(14, 2))) * 60 +
          std::stoll(ts.substr(17, 2))) *
             1'000 +
         std::stoll(ts.substr(20, 3));
}

// One may be late, the next not: of three, the last came a second after the first at least.
void expect_one_a_second(const std::vector<Json>& connected) {
  for (std::size_t i = 2; i < connected.size(); ++i) {
    const std::int64_t day = 24 * 3'600'000;
    const std::int64_t apart =
        (milliseconds_of(connected[i]) - milliseconds_of(connected[i - 2]) + day) % day;
    EXPECT_GE(apart, 900) << connected[i];
  }
}

class Pace : public testing::Test {
 protected:
  void SetUp() override {
    federation_.configure_coordinator("admission: {rate: 1}\n");
    federation_.start_coordinator();
    federation_.signal_coordinator(SIGSTOP);  // until all are at its door
    for (int site = 1; site <= kSites; ++site) federation_.start_client(site);
    last_of_each(federation_, "client.started");
    federation_.signal_coordinator(SIGCONT);
    ASSERT_TRUE(federation_.wait_for("site.connected", {}, kSites)) << federation_.logs();
  }
  FederationFiles federation_{kSites};
};

TEST_F(Pace, SitesThatComeAtOnceAreLetInOneAfterTheOther) {
  expect_one_a_second(federation_.events("site.connected"));
  const std::size_t postponed = federation_.events("site.postponed", {{"reason", "rate"}}).size();
  EXPECT_GE(postponed, 1u);
  EXPECT_LE(postponed, 3u) << "none twice: " << federation_.logs();
  EXPECT_TRUE(federation_.wait_for("sites.postponed", {{"reason", "rate"}}));
  std::size_t told = 0;
  for (int site = 1; site <= kSites; ++site) {
    for (const Json& goodbye : site_events(federation_, site, "link.goodbye")) {
      ++told;
      EXPECT_EQ(goodbye["code"], "unavailable");
      EXPECT_THAT(goodbye["message"].get<std::string>(), testing::HasSubstr("admission.rate"));
      EXPECT_GE(goodbye["retry_after_ms"].get<std::int64_t>(), 500);
    }
  }
  EXPECT_EQ(told, postponed) << federation_.logs();
}

TEST_F(Pace, AfterAKillTheyComeOneByOneAndTheJobGoesOn) {
  federation_.submit(federation_.write_job("{steps: 5000, batch_size: 8}",
                                           "{count: 2, minimum_sites: 4, disconnect_grace: 60s}"));
  ASSERT_TRUE(federation_.wait_for("task.accepted", {{"task", "train"}}, kSites));
  federation_.kill_coordinator();
  federation_.start_coordinator();
  ASSERT_TRUE(federation_.wait_for("site.connected", {}, 2 * kSites)) << federation_.logs();
  const std::vector<Json> all = federation_.events("site.connected");
  expect_one_a_second({all.begin() + kSites, all.end()});
  EXPECT_TRUE(federation_.wait_for("job.finished")) << federation_.logs();
}

TEST_F(Pace, AShutdownTellsEachSiteItsTurn) {
  EXPECT_EQ(federation_.stop_coordinator(), 0);
  last_of_each(federation_, "link.down");
  std::vector<std::int64_t> turns;
  for (const Json& goodbye : last_of_each(federation_, "link.goodbye")) {
    EXPECT_EQ(goodbye["message"], "the coordinator is stopping");
    turns.push_back(goodbye["retry_after_ms"].get<std::int64_t>());
  }
  std::ranges::sort(turns);
  for (std::size_t i = 1; i < turns.size(); ++i) EXPECT_EQ(turns[i] - turns[i - 1], 1'000);
}

// A coordinator that sends everybody away.
class SendsAway {
 public:
  explicit SendsAway(const FederationFiles& federation) {
    const std::string stem = federation.path("pki/coordinator");
    listener_ = *Listener::open(
        io_, "127.0.0.1", 0,
        *TlsContext::load({stem + ".pem", stem + ".key", federation.path("pki/ca.pem")},
                          TlsContext::Side::kServer));
    listener_->start(
        [](std::shared_ptr<FrameLink> link, const Hello&) {
          link->close(make_error(ErrorCode::kUnavailable, "closed for the night"), 30'000);
        },
        [](const std::string&, const Error&) {});
    thread_ = std::thread([this] { io_.run(); });
  }
  ~SendsAway() {
    io_.stop();
    thread_.join();
  }
  int port() const { return listener_->port(); }

 private:
  asio::io_context io_{1};
  std::shared_ptr<Listener> listener_;
  std::thread thread_;
};

TEST(SentAway, TributaryctlTellsWhyItWasSentAway) {
  FederationFiles federation(1);
  const SendsAway coordinator(federation);
  const std::string file = federation.path("away.yaml");
  FederationFiles::write(file,
                         "coordinator: 127.0.0.1:" + std::to_string(coordinator.port()) +
                             "\nserver_name: coordinator\ntls: {certificate: pki/operator.pem, "
                             "key: pki/operator.key, ca: pki/ca.pem}\n");
  const std::string output = federation.path("away.txt");
  EXPECT_EQ(run_process({FederationFiles::program("tributaryctl"), "--config", file, "job", "list"},
                        output),
            3);
  EXPECT_THAT(FederationFiles::read(output), testing::HasSubstr("closed for the night"));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// The audit logs of a federation: what was done can be shown afterwards, whoever changes a log is
// found, and a coordinator that goes back on what it told its sites is noticed by them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr const char* kTrain =
    "{epochs: 1, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.1}}";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line + "\n");
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

class Audit : public testing::Test {
 protected:
  void start(int sites) {
    federation_.start_coordinator();
    for (int site = 1; site <= sites; ++site) federation_.start_client(site);
    ASSERT_TRUE(federation_.wait_for("site.connected", {}, static_cast<std::size_t>(sites)));
  }
  int verify(const std::string& path, std::string* output, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"audit", "verify", federation_.path(path), "--ca",
                                       federation_.path("pki/ca.pem")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return federation_.ctl(arguments, output);
  }
  std::vector<Json> records(const std::string& path) {
    std::string output;
    EXPECT_EQ(federation_.ctl({"audit", "show", federation_.path(path), "--json"}, &output), 0);
    std::vector<Json> found;
    for (const std::string& line : lines_of(output)) found.push_back(Json::parse(line));
    return found;
  }
  // A head follows its round by itself, and the sites' answers follow that.
  bool wait_until_countersigned() {
    for (int turn = 0; turn < 600; ++turn, ::poll(nullptr, 0, 100)) {
      const std::string count = std::to_string(records("coordinator").size());
      std::string output;
      if (verify("coordinator", &output) == 0 &&
          output.find("hospital-1 over " + count + " records") != std::string::npos &&
          output.find("hospital-2 over " + count + " records") != std::string::npos) {
        return true;
      }
    }
    return false;
  }
  void run_job(int rounds) {
    start(2);
    federation_.submit(
        federation_.write_job(kTrain, "{count: " + std::to_string(rounds) + ", minimum_sites: 2}"));
    ASSERT_TRUE(federation_.wait_for("job.finished")) << federation_.logs();
    ASSERT_TRUE(wait_until_countersigned()) << federation_.logs();
  }
  bool wait_for_site(const std::string& event) {
    for (int turn = 0; turn < 600; ++turn, ::poll(nullptr, 0, 100)) {
      if (!federation_.client_events(1, event).empty()) return true;
    }
    return false;
  }
  void expect_fault(const std::string& log, const std::string& named,
                    const std::vector<std::string>& more = {}) {
    FederationFiles::write(federation_.path("changed.log"), log);
    std::string output;
    EXPECT_EQ(verify("changed.log", &output, more), 1) << output;
    EXPECT_THAT(output, HasSubstr(named));
  }

  FederationFiles federation_{2};
};

TEST_F(Audit, WhatWasDoneAndWhatLeftTheSitesIsShown) {
  run_job(2);
  std::string output;
  EXPECT_EQ(verify("state-hospital-1", &output), 0) << output;
  EXPECT_THAT(output, HasSubstr("by hospital-1 over"));
  std::set<std::string> sent;
  for (int site = 1; site <= 2; ++site) {
    for (const Json& record : records("state-hospital-" + std::to_string(site))) {
      if (record["event"] == "blob.sent") sent.insert(record["blob_sha256"].get<std::string>());
    }
  }
  const std::vector<Json> all = records("coordinator");
  EXPECT_EQ(all.front()["event"], "job.submitted");
  EXPECT_EQ(all.front()["operator"], "operator");
  EXPECT_EQ(all.back()["event"], "job.finished");
  std::vector<std::string> models;
  for (const Json& record : all) {
    if (record["event"] != "round.committed") continue;
    if (!models.empty()) {
      EXPECT_EQ(record["model_before"], models.back());
    }
    models.push_back(record["model"].get<std::string>());
    EXPECT_EQ(record["document_sha256"], all.front()["document_sha256"]);
    ASSERT_EQ(record["updates"].size(), 2u) << record;
    for (const Json& update : record["updates"])
      EXPECT_TRUE(sent.contains(update["update"]["digest"].get<std::string>())) << record;
  }
  EXPECT_EQ(models.size(), 2u);
}

TEST_F(Audit, EachChangeOfAnExportedLogIsFoundAndNamed) {
  run_job(1);
  const std::string exported = federation_.path("exported.log");
  std::string output;
  ASSERT_EQ(federation_.ctl({"audit", "export", federation_.path("coordinator"), "--out", exported},
                            &output),
            0)
      << output;
  EXPECT_EQ(verify("exported.log", &output), 0) << output;
  const std::vector<std::string> lines = lines_of(FederationFiles::read(exported));
  std::vector<std::size_t> places;  // of the records
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with("record ")) places.push_back(i);
  }
  ASSERT_GE(places.size(), 4u);
  std::vector<std::string> changed = lines;
  changed[places[2]][changed[places[2]].size() / 2] ^= 1;
  expect_fault(joined(changed), "record 2 was changed");
  changed = lines;
  changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(places[2]));
  expect_fault(joined(changed), "record 2 is missing before record 3");
  changed = lines;
  std::swap(changed[places[1]], changed[places[2]]);
  expect_fault(joined(changed), "record 1 is out of order: it stands behind record 2");
  const std::string text = joined(lines);
  expect_fault(text.substr(0, text.size() - 9), "the file ends within a line");
  changed.assign(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(places[3]));
  expect_fault(joined(changed), "the log has only 3; what it had behind them was cut off",
               {"--kept", federation_.path("state-hospital-1/audit/coordinator.head")});
}

TEST_F(Audit, AKillLosesNoRecordAndTellsNoneTwice) {
  start(2);
  federation_.submit(federation_.write_job(
      "{steps: 2000, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}",
      "{count: 4, minimum_sites: 2, deadline: 60s}"));
  for (const char* round : {"1", "2", "3"}) {
    ASSERT_TRUE(federation_.wait_for("round.committed", {{"round", round}})) << federation_.logs();
    federation_.kill_coordinator();
    federation_.start_coordinator();
  }
  ASSERT_TRUE(federation_.wait_for("job.finished")) << federation_.logs();
  ASSERT_TRUE(wait_until_countersigned()) << federation_.logs();
  std::map<int, int> committed;
  for (const Json& record : records("coordinator")) {
    if (record["event"] == "round.committed") ++committed[record["round"].get<int>()];
  }
  EXPECT_EQ(committed, (std::map<int, int>{{1, 1}, {2, 1}, {3, 1}, {4, 1}}));
  for (int site = 1; site <= 2; ++site)
    EXPECT_TRUE(federation_.client_events(site, "audit.equivocation").empty());
  EXPECT_TRUE(federation_.events("audit.disputed").empty());
}

TEST_F(Audit, AfterItsCertificateWasRevokedACoordinatorIsBelievedByItsNext) {
  run_job(1);
  EXPECT_EQ(federation_.stop_client(1), 0);
  // It has to take a head that is there already.
  const std::string head = federation_.path("state-hospital-1/audit/coordinator.head");
  std::filesystem::remove(head);
  const std::string revoked = federation_.path("pki/revoked.pem");
  std::filesystem::rename(federation_.path("pki/coordinator.pem"), revoked);
  std::filesystem::remove(federation_.path("pki/coordinator.key"));
  federation_.issue("pki", "coordinator", "coordinator", 30);
  ASSERT_EQ(run_process({FederationFiles::program("tributaryctl"), "pki", "crl", "--dir",
                         federation_.path("pki"), "--revoke", revoked},
                        federation_.path("pki.txt")),
            0);
  federation_.signal_coordinator(SIGHUP);
  ASSERT_TRUE(federation_.wait_for("certificates.reloaded")) << federation_.logs();
  federation_.start_client(1);
  federation_.signal_client(2, SIGHUP);
  ASSERT_TRUE(federation_.wait_for("site.connected", {{"site", "hospital-2"}}, 2));
  ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(head); }, std::chrono::seconds(30)))
      << federation_.logs();
  for (int site = 1; site <= 2; ++site) {
    EXPECT_TRUE(federation_.client_events(site, "audit.head_refused").empty());
    EXPECT_TRUE(federation_.client_events(site, "audit.equivocation").empty());
  }
  std::string output;
  EXPECT_EQ(verify("coordinator", &output, {"--crl", federation_.path("pki/crl.pem")}), 1);
  EXPECT_THAT(output, HasSubstr("'coordinator' was revoked"));
}

TEST_F(Audit, ACoordinatorThatGoesBackToAnOlderStateIsNoticedByItsSites) {
  start(2);
  const std::string file = federation_.write_job(kTrain, "{count: 1, minimum_sites: 2}");
  federation_.submit(file);
  ASSERT_TRUE(federation_.wait_for("job.finished")) << federation_.logs();
  EXPECT_EQ(federation_.stop_coordinator(), 0);
  std::filesystem::copy(federation_.path("coordinator"), federation_.path("older"),
                        std::filesystem::copy_options::recursive);
  federation_.start_coordinator();
  federation_.submit(file);
  ASSERT_TRUE(federation_.wait_for("job.finished", {}, 2)) << federation_.logs();
  ASSERT_TRUE(wait_until_countersigned()) << federation_.logs();
  EXPECT_EQ(federation_.stop_coordinator(), 0);

  std::filesystem::remove_all(federation_.path("coordinator"));
  std::filesystem::rename(federation_.path("older"), federation_.path("coordinator"));
  federation_.start_coordinator();
  EXPECT_TRUE(federation_.wait_for("audit.disputed", {{"site", "hospital-1"}}))
      << federation_.logs();
  ASSERT_TRUE(wait_for_site("audit.equivocation")) << federation_.logs();
  federation_.submit(file);
  EXPECT_TRUE(wait_for_site("audit.refused")) << federation_.logs();
  EXPECT_TRUE(
      federation_.wait_for("client.outcome", {{"site", "hospital-1"}, {"reason", "policy_denied"}}))
      << federation_.logs();
  // What the site can show others: both heads, each signed by the coordinator.
  std::string output;
  EXPECT_EQ(verify("coordinator", &output,
                   {"--kept", federation_.path("state-hospital-1/audit/coordinator.head")}),
            1);
  EXPECT_THAT(output, HasSubstr("what it had behind them was cut off"));
  EXPECT_TRUE(
      std::filesystem::exists(federation_.path("state-hospital-1/audit/coordinator.dispute")));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Who may take part, with real processes: a federation made from one file; certificates that are
// replaced and revoked, and sites that are kept out, while a job runs.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/e2e/federation_files.h"
#include "tests/support/soft_token.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kTrain =
    "{steps: 20, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}";
constexpr std::chrono::seconds kPatience{30};

class Trusted : public testing::Test {
 protected:
  explicit Trusted(int sites = 4) : federation_(sites), sites_(sites) {}
  void start() {
    federation_.start_coordinator();
    for (int site = 1; site <= sites_; ++site) federation_.start_client(site);
    ASSERT_TRUE(federation_.wait_for("site.connected", {}, static_cast<std::size_t>(sites_)))
        << federation_.logs();
  }
  // A job that takes sites that come and go.
  std::string submit(int rounds) {
    return federation_.submit(federation_.write_job(
        kTrain, "{count: " + std::to_string(rounds) +
                    ", deadline: 30s, disconnect_grace: 5s, minimum_sites: 2, quorum: 2}"));
  }
  void committed(int round) {
    ASSERT_TRUE(federation_.wait_for("round.committed", {{"round", std::to_string(round)}}))
        << federation_.logs();
  }
  void replace(const std::string& role, const std::string& name) {
    std::filesystem::remove(federation_.path("pki/" + name + ".pem"));
    std::filesystem::remove(federation_.path("pki/" + name + ".key"));
    federation_.issue("pki", role, name, 30);
  }
  int revoke(const std::vector<std::string>& names) {
    std::vector<std::string> command = {FederationFiles::program("tributaryctl"), "pki", "crl",
                                        "--dir", federation_.path("pki")};
    for (const std::string& name : names)
      command.insert(command.end(), {"--revoke", federation_.path("pki/" + name + ".pem")});
    return run_process(command, federation_.path("pki.txt"));
  }
  int revoke(const std::string& name) { return revoke(std::vector{name}); }
  std::size_t reloads(int client) {
    return federation_.client_events(client, "certificates.reloaded").size();
  }

  FederationFiles federation_;
  int sites_;
};

class TrustedPair : public Trusted {
 protected:
  TrustedPair() : Trusted(2) {}
};

TEST_F(Trusted, EveryCertificateIsReplacedInARunningFederationAndNoRoundIsLost) {
  start();
  const std::string job = submit(12);
  committed(1);
  replace("coordinator", "coordinator");
  federation_.signal_coordinator(SIGHUP);
  ASSERT_TRUE(federation_.wait_for("certificates.reloaded")) << federation_.logs();
  for (int site = 1; site <= sites_; ++site) {
    replace("site", "hospital-" + std::to_string(site));
    federation_.signal_client(site, SIGHUP);
    ASSERT_TRUE(wait_until([&] { return reloads(site) == 1; }, kPatience));
  }
  // Nobody's link has ended for it; the new ones serve whoever comes anew.
  EXPECT_TRUE(federation_.events("site.disconnected").empty());
  ASSERT_TRUE(federation_.kill_client(1));
  federation_.start_client(1);
  ASSERT_TRUE(federation_.wait_for("site.connected", {{"site", "hospital-1"}}, 2));
  std::string listed;
  EXPECT_EQ(federation_.ctl({"status"}, &listed), 0) << listed;
  ASSERT_TRUE(federation_.wait_for_end()) << federation_.logs();
  EXPECT_EQ(federation_.events("job.finished").size(), 1u) << federation_.logs();
  EXPECT_TRUE(federation_.events("round.retried").empty());
}

// All at once, while a job runs: each party comes back with its new one.
TEST_F(Trusted, EveryEarlierCertificateIsRevokedInARunningFederationAndNoRoundIsLost) {
  std::vector<std::string> earlier;
  const auto next = [&](const std::string& role, const std::string& name) {
    std::filesystem::copy_file(federation_.path("pki/" + name + ".pem"),
                               federation_.path("pki/" + name + "-earlier.pem"));
    earlier.push_back(name + "-earlier");
    replace(role, name);
  };
  start();
  next("operator", "operator");  // before it signs the job
  submit(80);
  committed(1);
  next("coordinator", "coordinator");
  federation_.signal_coordinator(SIGHUP);
  for (int site = 1; site <= sites_; ++site) {
    next("site", "hospital-" + std::to_string(site));
    federation_.signal_client(site, SIGHUP);
    ASSERT_TRUE(wait_until([&] { return reloads(site) == 1; }, kPatience));
  }
  ASSERT_EQ(revoke(earlier), 0) << FederationFiles::read(federation_.path("pki.txt"));
  const std::size_t before = federation_.events("round.committed").size();
  ASSERT_FALSE(federation_.job_over()) << "too few rounds for this machine";
  federation_.signal_coordinator(SIGHUP);
  for (int site = 1; site <= sites_; ++site) federation_.signal_client(site, SIGHUP);
  for (int site = 1; site <= sites_; ++site) {
    ASSERT_TRUE(
        federation_.wait_for("site.connected", {{"site", "hospital-" + std::to_string(site)}}, 2))
        << federation_.logs();
  }
  ASSERT_TRUE(federation_.wait_for_end()) << federation_.logs();
  EXPECT_EQ(federation_.events("job.finished").size(), 1u) << federation_.logs();
  EXPECT_EQ(federation_.events("round.committed").size(), 80u);
  EXPECT_GT(80u, before) << "some rounds came after the revocation";
  EXPECT_TRUE(federation_.events("round.retried").empty()) << federation_.logs();
}

TEST_F(Trusted, ARevokedCertificateEndsItsLinkAtOnceAndFilesThatAreBrokenChangeNothing) {
  start();
  const std::string job = submit(12);
  committed(1);
  const std::string list = federation_.path("pki/crl.pem");
  const std::string before = FederationFiles::read(list);
  FederationFiles::write(list, "half a lis");
  federation_.signal_coordinator(SIGHUP);
  ASSERT_TRUE(federation_.wait_for("certificates.kept")) << federation_.logs();
  FederationFiles::write(list, before);
  ASSERT_EQ(revoke("hospital-4"), 0);
  const auto began = std::chrono::steady_clock::now();
  federation_.signal_coordinator(SIGHUP);
  ASSERT_TRUE(federation_.wait_for("site.disconnected", {{"site", "hospital-4"}}))
      << federation_.logs();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(3)) << "busy machine";
  ASSERT_TRUE(federation_.wait_for("link.refused"));
  EXPECT_THAT(federation_.events("link.refused").front()["detail"].get<std::string>(),
              HasSubstr("was revoked"));
  ASSERT_TRUE(federation_.wait_for_end()) << federation_.logs();
  EXPECT_EQ(federation_.events("job.finished").size(), 1u) << federation_.logs();
  EXPECT_EQ(federation_.events("site.connected", {{"site", "hospital-4"}}).size(), 1u);
  // The sites look the coordinator up, too: once it is revoked they leave it, and do not come back.
  ASSERT_EQ(revoke("coordinator"), 0);
  federation_.signal_client(1, SIGHUP);
  ASSERT_TRUE(wait_until(
      [&] {
        const auto down = federation_.client_events(1, "link.down");
        return !down.empty() &&
               down.back()["error"].get<std::string>().find("revoked") != std::string::npos;
      },
      kPatience))
      << federation_.logs();
}

TEST_F(Trusted, NoListForgetsWhatWasRevoked) {
  const std::string list = federation_.path("pki/crl.pem");
  const auto renew = [&] {
    return run_process(
        {FederationFiles::program("tributaryctl"), "pki", "crl", "--dir", federation_.path("pki")},
        federation_.path("pki.txt"));
  };
  ASSERT_EQ(renew(), 0);
  const std::string older = FederationFiles::read(list);
  ASSERT_EQ(revoke("hospital-4"), 0);
  const std::string good = FederationFiles::read(list);
  for (const std::string& damaged : {std::string(), good.substr(0, good.size() / 2)}) {
    FederationFiles::write(list, damaged);
    EXPECT_NE(renew(), 0);
    EXPECT_THAT(FederationFiles::read(federation_.path("pki.txt")),
                HasSubstr("what was revoked would be forgotten"));
    EXPECT_EQ(FederationFiles::read(list), damaged) << "it is left to be looked at";
  }
  std::filesystem::remove(list);
  EXPECT_NE(renew(), 0);
  FederationFiles::write(list, good);
  EXPECT_EQ(renew(), 0);
  FederationFiles::write(list, good);
  federation_.start_coordinator();
  FederationFiles::write(list, older);
  federation_.signal_coordinator(SIGHUP);
  ASSERT_TRUE(federation_.wait_for("certificates.kept")) << federation_.logs();
  EXPECT_THAT(federation_.logs(), HasSubstr("older than the lists in force"));
}

TEST_F(Trusted, ARevokedSubmittersJobBeginsNoMoreRounds) {
  start();
  submit(1000);
  committed(1);
  ASSERT_EQ(revoke("operator"), 0);
  federation_.signal_client(1, SIGHUP);
  ASSERT_TRUE(federation_.wait_for("client.outcome",
                                   {{"site", "hospital-1"}, {"reason", "signature_invalid"}}))
      << federation_.logs();
  ASSERT_TRUE(federation_.kill_coordinator());
  EXPECT_TRUE(federation_.events("job.failed").empty()) << "the other sites have the old list";
  federation_.start_coordinator();
  ASSERT_TRUE(federation_.wait_for("job.failed")) << federation_.logs();
  EXPECT_THAT(federation_.events("job.failed").back()["detail"].get<std::string>(),
              AllOf(HasSubstr("'operator' was revoked"), HasSubstr("submit it again")));
}

TEST_F(Trusted, AnAuditorReadsAndDoesNothingElse) {
  start();
  federation_.issue("pki", "auditor", "audrey", 30);
  const std::string file = federation_.path("audrey.yaml");
  FederationFiles::write(file,
                         "coordinator: localhost:" + std::to_string(federation_.port()) +
                             "\nserver_name: coordinator\ntls: {certificate: pki/audrey.pem, key: "
                             "pki/audrey.key, ca: pki/ca.pem}\n");
  const std::string output = federation_.path("audrey.txt");
  const auto ask = [&](std::vector<std::string> words) {
    std::vector<std::string> command = {FederationFiles::program("tributaryctl"), "--config", file};
    command.insert(command.end(), words.begin(), words.end());
    std::filesystem::remove(output);
    return run_process(command, output);
  };
  EXPECT_EQ(ask({"status"}), 0) << FederationFiles::read(output);
  EXPECT_EQ(ask({"site", "disable", "hospital-1"}), 3);
  EXPECT_THAT(FederationFiles::read(output), HasSubstr("the role auditor may not"));
  EXPECT_EQ(ask({"job", "submit", federation_.write_job(kTrain, "{count: 1}")}), 3);
  EXPECT_TRUE(federation_.events("job.submitted").empty());
  EXPECT_EQ(federation_.events("operator.refused", {{"operator", "audrey"}}).size(), 2u);
}

TEST_F(Trusted, ASiteIsKeptOutAtOnceAndOverARestartUntilItIsEnabled) {
  start();
  const std::string job = submit(40);
  committed(1);
  std::string said;
  const auto began = std::chrono::steady_clock::now();
  ASSERT_EQ(federation_.ctl({"site", "disable", "hospital-2", "--reason", "ward moves"}, &said), 0)
      << said;
  EXPECT_THAT(said, HasSubstr("disabled hospital-2"));
  ASSERT_TRUE(federation_.wait_for("site.disconnected", {{"site", "hospital-2"}}));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(3)) << "busy machine";
  const auto barred = federation_.events("client.outcome", {{"site", "hospital-2"}});
  ASSERT_FALSE(barred.empty());
  ASSERT_EQ(federation_.ctl({"site", "revoke", "hospital-3"}, &said), 0) << said;
  EXPECT_THAT(said, HasSubstr("1 certificate(s)"));
  ASSERT_TRUE(federation_.wait_for("site.disconnected", {{"site", "hospital-3"}}));
  const std::size_t lines = federation_.log_of_coordinator().size();
  EXPECT_EQ(federation_.ctl({"site", "list"}, &said), 0);
  EXPECT_THAT(said, AllOf(HasSubstr("disabled"), HasSubstr("ward moves"), HasSubstr("revoked")));
  ASSERT_TRUE(federation_.kill_coordinator());
  federation_.start_coordinator();
  federation_.kill_client(2);  // it was told to stay away for a minute
  federation_.start_client(2);
  ASSERT_TRUE(federation_.wait_for("site.refused", {{"site", "hospital-2"}})) << federation_.logs();
  ASSERT_TRUE(federation_.wait_for_end()) << federation_.logs();
  EXPECT_EQ(federation_.events("job.finished").size(), 1u) << federation_.logs();
  std::size_t line = 0;
  for (const Json& event : federation_.log_of_coordinator()) {
    if (++line <= lines || event["event"] != "client.selected") continue;
    EXPECT_NE(event["site"], "hospital-2");
    EXPECT_NE(event["site"], "hospital-3");
  }
  // Back with the certificate it had, where it was disabled; with a new one, where it was revoked.
  const auto back = [&](int site, std::size_t times) {
    federation_.kill_client(site);
    federation_.start_client(site);
    return federation_.wait_for(times == 0 ? "site.refused" : "site.connected",
                                {{"site", "hospital-" + std::to_string(site)}},
                                std::max<std::size_t>(times, 1));
  };
  ASSERT_EQ(federation_.ctl({"site", "enable", "hospital-2"}, &said), 0) << said;
  EXPECT_TRUE(back(2, 2)) << federation_.logs();
  ASSERT_EQ(federation_.ctl({"site", "enable", "hospital-3"}, &said), 0) << said;
  federation_.kill_client(3);
  const std::size_t refused = federation_.events("site.refused").size();
  federation_.start_client(3);
  ASSERT_TRUE(federation_.wait_for("site.refused", {}, refused + 1)) << federation_.logs();
  EXPECT_THAT(federation_.events("site.refused").back()["reason"].get<std::string>(),
              HasSubstr("needs a new one"));
  replace("site", "hospital-3");
  EXPECT_TRUE(back(3, 2)) << federation_.logs();
  EXPECT_EQ(federation_.ctl({"site", "enable", "hospital-3"}, &said), 1);
  EXPECT_THAT(said, HasSubstr("is not kept out"));
  EXPECT_EQ(federation_.ctl({"audit", "show", federation_.path("coordinator")}, &said), 0);
  EXPECT_THAT(said, AllOf(HasSubstr("site.disabled"), HasSubstr("reason=ward moves"),
                          HasSubstr("site.revoked"), HasSubstr("operator=operator")));
}

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

TEST(Founding, OneFileMakesAFederationAndAddsToItWithoutTouchingWhatIsThere) {
  const TemporaryDirectory folder;
  const std::string yaml = folder / "federation.yaml", out = folder / "federation";
  const auto found = [&](const std::string& sites, bool with_keys = true) {
    FederationFiles::write(yaml, "federation: Rhine\ncoordinator: {hosts: [127.0.0.1], port: " +
                                     std::to_string(free_port()) + "}\nsites: " + sites +
                                     "\noperators: {alice: lead}\n");
    std::vector<std::string> command = {
        FederationFiles::program("tributaryctl"), "federation", "init", yaml, "--dir", out};
    if (with_keys) command.push_back("--with-keys");
    return run_process(command, folder / "init.txt");
  };
  ASSERT_EQ(found("[north]", false), 0) << FederationFiles::read(folder / "init.txt");
  EXPECT_TRUE(std::filesystem::exists(out + "/north/client.yaml"));
  EXPECT_TRUE(std::filesystem::exists(out + "/alice/alice.key"));
  EXPECT_FALSE(std::filesystem::exists(out + "/north/north.key")) << "it makes its key itself";
  EXPECT_THAT(FederationFiles::read(folder / "init.txt"), testing::HasSubstr("no operator may"));
  ASSERT_EQ(found("[north]"), 0) << FederationFiles::read(folder / "init.txt");
  const std::string key = FederationFiles::read(out + "/north/north.key");
  const std::string config = FederationFiles::read(out + "/north/client.yaml");
  ASSERT_FALSE(key.empty());
  EXPECT_FALSE(std::filesystem::exists(out + "/north/ca.key"));
  ASSERT_EQ(found("[north, south]"), 0) << FederationFiles::read(folder / "init.txt");
  EXPECT_EQ(FederationFiles::read(out + "/north/north.key"), key);
  EXPECT_EQ(FederationFiles::read(out + "/north/client.yaml"), config);
  EXPECT_EQ(FederationFiles::read(out + "/south/ca.pem"), FederationFiles::read(out + "/ca.pem"));
  // With the root in a safe, another site can still be added, and the lists be renewed.
  std::filesystem::rename(out + "/ca.key", folder / "safe.key");
  ASSERT_EQ(found("[north, south, east]"), 0) << FederationFiles::read(folder / "init.txt");

  run_process({FederationFiles::program("tributary-client"), "data", "generate-hospital", "--sites",
               "1", "--out", folder / "data"},
              folder / "data.txt");
  std::filesystem::copy_file(folder / "data/hospital-1.csv", out + "/north/patients.csv");
  const auto check = [&](const std::string& program, const std::string& file) {
    return run_process({FederationFiles::program(program), "check-config", "--config", out + file},
                       folder / "check.txt");
  };
  EXPECT_EQ(check("tributary-client", "/north/client.yaml"), 0)
      << FederationFiles::read(folder / "check.txt");
  Process coordinator({FederationFiles::program("tributary-coordinator"), "--config",
                       out + "/coordinator/coordinator.yaml"},
                      folder / "coordinator.txt");
  Process north(
      {FederationFiles::program("tributary-client"), "--config", out + "/north/client.yaml"},
      folder / "north.txt");
  // The first run's port stands in the files of those who were there then.
  const auto status = [&] {
    run_process({FederationFiles::program("tributaryctl"), "--config",
                 out + "/alice/tributaryctl.yaml", "site", "list"},
                folder / "status.txt");
    return FederationFiles::read(folder / "status.txt");
  };
  EXPECT_TRUE(
      wait_until([&] { return status().find("north  up") != std::string::npos; }, kPatience))
      << FederationFiles::read(folder / "status.txt")
      << FederationFiles::read(folder / "coordinator.txt")
      << FederationFiles::read(folder / "north.txt");
  EXPECT_EQ(north.end(SIGTERM), 0);
  EXPECT_EQ(coordinator.end(SIGTERM), 0);
}

// The keys of a site and of the operator are nowhere but in tokens, and sign links, a job and the
// site's audit log.
TEST_F(TrustedPair, KeysInTokensDoAllThatKeysInFilesDo) {
  SoftToken token;
  token.add_token("federation");
  FederationFiles::write(federation_.path("pin"), SoftToken::kPin);
  ::chmod(federation_.path("pin").c_str(), 0600);
  const auto move_key = [&](const std::string& name, const std::string& id,
                            const std::string& config) {
    const std::string file = "pki/" + name + ".key";
    token.import("federation", name, id, FederationFiles::read(federation_.path(file)));
    std::filesystem::remove(federation_.path(file));
    std::string text = FederationFiles::read(federation_.path(config));
    ASSERT_NE(text.find(file), std::string::npos);
    text.replace(text.find(file), file.size(),
                 "\"pkcs11:token=federation;object=" + name + "?module-path=" +
                     SoftToken::module() + "&pin-source=" + federation_.path("pin") + "\"");
    FederationFiles::write(federation_.path(config), text);
  };
  federation_.start_coordinator();
  federation_.start_client(2);
  federation_.write_client("hospital-1", "in-token", "pki");
  move_key("hospital-1", "01", "in-token.yaml");
  move_key("operator", "02", "tributaryctl.yaml");
  const std::string client = FederationFiles::program("tributary-client");
  const std::string config = federation_.path("in-token.yaml");
  EXPECT_EQ(run_process({client, "check-config", "--config", config}, federation_.path("c.txt")), 0)
      << FederationFiles::read(federation_.path("c.txt"));
  Process site({client, "--config", config}, federation_.path("in-token.txt"));
  ASSERT_TRUE(federation_.wait_for("site.connected", {}, 2))
      << FederationFiles::read(federation_.path("in-token.txt"));
  submit(2);
  ASSERT_TRUE(federation_.wait_for_end()) << federation_.logs();
  EXPECT_EQ(federation_.events("job.finished").size(), 1u) << federation_.logs();
  EXPECT_EQ(site.end(SIGTERM), 0);
  EXPECT_THAT(FederationFiles::read(federation_.path("in-token.txt")),
              Not(HasSubstr(SoftToken::kPin)));
  std::string output;
  EXPECT_EQ(federation_.ctl({"audit", "verify", federation_.path("state-in-token"), "--ca",
                             federation_.path("pki/ca.pem")},
                            &output),
            0)
      << output;
}

}  // namespace
}  // namespace tributary

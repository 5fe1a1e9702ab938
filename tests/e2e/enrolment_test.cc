// SPDX-License-Identifier: Apache-2.0
// How sites come by their certificates, with real processes: by a token and a look at the key, and
// later over their links.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <sstream>

#include "common/crypto/pki.h"
#include "common/crypto/signing_request.h"
#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::seconds kPatience{60};
constexpr const char* kTrain =
    "{steps: 20, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}";

class Enrolment : public testing::Test {
 protected:
  explicit Enrolment(int sites = 1) : federation_(sites) {}
  std::string path(const std::string& name) const { return federation_.path(name); }
  static std::string read(const std::string& file) { return FederationFiles::read(file); }

  // The command for the site, in words, as an operator would hand it on.
  std::vector<std::string> invite(const std::string& site) {
    std::string output;
    EXPECT_EQ(federation_.ctl({"enroll", "invite", site}, &output), 0) << output;
    std::istringstream words(output.substr(output.find("tributary-client enroll")));
    std::vector<std::string> command;
    for (std::string word; words >> word;) command.push_back(word);
    command[0] = FederationFiles::program("tributary-client");
    return command;
  }
  std::unique_ptr<Process> enrol(std::vector<std::string> command, const std::string& folder) {
    command.insert(command.end(), {"--dir", path(folder)});
    return std::make_unique<Process>(command, path(folder + ".txt"));
  }
  // What the site shows, to be read out by phone.
  std::string fingerprint_shown(const std::string& folder) {
    std::string shown;
    EXPECT_TRUE(wait_until(
        [&] {
          const std::string text = read(path(folder + ".txt"));
          const std::size_t begin = text.find("\n\n  "), end = text.find("\n\nRead it out");
          if (end == std::string::npos) return false;
          shown = text.substr(begin + 4, end - begin - 4);
          return true;
        },
        kPatience))
        << read(path(folder + ".txt"));
    return shown;
  }
  int approve(const std::string& site, const std::string& fingerprint, std::string* output) {
    return federation_.ctl(
        {"enroll", "approve", site, "--fingerprint", fingerprint, "--dir", path("pki")}, output);
  }

  int pki(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {FederationFiles::program("tributaryctl"), "pki", "crl",
                                         "--dir", path("pki")});
    return run_process(arguments, path("pki.txt"));
  }
  // A newer list of revoked certificates reaches the site over its link.
  void lists_reach(const std::string& site) {
    ASSERT_EQ(pki({}), 0);
    EXPECT_NE(read(path(site + "/crl.pem")), read(path("pki/crl.pem")));
    federation_.signal_coordinator(SIGHUP);
    EXPECT_TRUE(wait_until(
        [&] { return read(path(site + "/crl.pem")) == read(path("pki/crl.pem")); }, kPatience))
        << federation_.logs();
  }
  // All that was signed for a name is kept where the CA is.
  void revoke_by_name(const std::string& site) {
    ASSERT_EQ(pki({"--revoke", site}), 0) << read(path("pki.txt"));
    federation_.signal_coordinator(SIGHUP);
    EXPECT_TRUE(federation_.wait_for("site.disconnected", {{"site", site}})) << federation_.logs();
    EXPECT_EQ(pki({"--revoke", "nobody"}), 2);
    EXPECT_THAT(read(path("pki.txt")), HasSubstr("no certificate was issued to that name"));
  }

  FederationFiles federation_;
};

TEST_F(Enrolment, ASiteEnrolsByItsTokenAndTrainsAndItsKeyNeverTravels) {
  federation_.start_coordinator();
  federation_.start_client(1);
  const std::vector<std::string> command = invite("north");
  const std::string token = command.back();
  ASSERT_EQ(token.size(), 32u);
  const auto site = enrol(command, "north");
  const std::string fingerprint = fingerprint_shown("north");
  ASSERT_TRUE(federation_.wait_for("enrolment.requested", {{"site", "north"}}));
  EXPECT_THAT(read("/proc/" + std::to_string(site->pid()) + "/cmdline"), Not(HasSubstr(token)));

  std::string output;
  EXPECT_EQ(federation_.ctl({"enroll", "list"}, &output), 0);
  EXPECT_THAT(output, HasSubstr("waits for you"));
  EXPECT_THAT(output, HasSubstr(fingerprint));
  EXPECT_EQ(federation_.ctl({"enroll", "invite", "north"}, &output), 1);
  EXPECT_THAT(output, HasSubstr("asks for its certificate and waits for you"));
  EXPECT_EQ(approve("north", std::string(64, '0'), &output), 2);
  EXPECT_THAT(output, HasSubstr("not the fingerprint"));
  EXPECT_NE(approve("north", fingerprint.substr(0, 9), &output), 0);
  EXPECT_THAT(output, HasSubstr("too few hexadecimal digits"));
  EXPECT_EQ(approve("north", fingerprint, &output), 0) << output;
  ASSERT_TRUE(wait_until([&] { return !site->running(); }, kPatience));
  ASSERT_TRUE(std::filesystem::exists(path("north/north.pem"))) << read(path("north.txt"));
  EXPECT_NEAR(static_cast<double>(*days_left(read(path("north/north.pem")))), 90, 1);
  struct stat status {};
  ASSERT_EQ(::stat(path("north/north.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);

  std::filesystem::copy_file(path("data/hospital-1.csv"), path("north/patients.csv"));
  FederationFiles::write(path("north/policy.yaml"), "approval: automatic\n");
  Process daemon(
      {FederationFiles::program("tributary-client"), "--config", path("north/client.yaml")},
      path("north-daemon.txt"));
  ASSERT_TRUE(federation_.wait_for("site.connected", {{"site", "north"}}))
      << read(path("north-daemon.txt"));
  federation_.submit(federation_.write_job(kTrain, "{count: 2, minimum_sites: 2, quorum: 2}"));
  ASSERT_TRUE(federation_.wait_for_end()) << federation_.logs();
  EXPECT_EQ(federation_.events("job.finished").size(), 1u) << federation_.logs();

  lists_reach("north");
  revoke_by_name("north");
  EXPECT_EQ(daemon.end(SIGTERM), 0);
  EXPECT_EQ(federation_.stop_coordinator(), 0);
  const std::string key = read(path("north/north.key"));
  const std::string secret = key.substr(key.find('\n') + 1, 60);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path(""))) {
    if (!entry.is_regular_file() || entry.path().filename() == "north.key") continue;
    const std::string text = read(entry.path().string());
    EXPECT_THAT(text, Not(HasSubstr(token))) << entry.path();
    EXPECT_THAT(text, Not(HasSubstr(secret))) << entry.path();
  }
}

TEST_F(Enrolment, WhoeverStealsTheTokenIsFoundOut) {
  federation_.start_coordinator();
  const std::vector<std::string> command = invite("north");
  const auto thief = enrol(command, "thief");
  ASSERT_TRUE(federation_.wait_for("enrolment.requested", {{"site", "north"}}));
  const auto site = enrol(command, "north");
  EXPECT_NE(site->wait(), 0);
  EXPECT_THAT(read(path("north.txt")), HasSubstr("not, or no longer, good"));
  EXPECT_TRUE(federation_.wait_for("enrolment.refused", {{"site", "north"}}));
  std::string output;
  EXPECT_NE(approve("north", fingerprint_shown("north"), &output), 0);
  EXPECT_THAT(output, HasSubstr("somebody else may have asked in its name"));
  EXPECT_EQ(federation_.ctl({"enroll", "deny", "north", "--reason", "not ours"}, &output), 0);
  EXPECT_NE(thief->wait(), 0);
  EXPECT_THAT(read(path("thief.txt")), HasSubstr("denied it: not ours"));
  EXPECT_FALSE(std::filesystem::exists(path("thief/north.pem")));
}

TEST_F(Enrolment, AnotherCoordinatorThanTheOneThatWasToldLearnsNothing) {
  federation_.start_coordinator();
  std::vector<std::string> command = invite("north");
  *(std::ranges::find(command, "--ca-hash") + 1) = std::string(64, 'a');
  const auto site = enrol(command, "north");
  EXPECT_NE(site->wait(), 0);
  EXPECT_THAT(read(path("north.txt")), HasSubstr("not that of --ca-hash"));
  EXPECT_TRUE(federation_.events("enrolment.requested").empty());
}

TEST_F(Enrolment, NobodyComesAsAGuestWhereNobodyWasInvited) {
  federation_.start_coordinator();
  const auto site = enrol({FederationFiles::program("tributary-client"), "enroll", "north",
                           "--coordinator", "127.0.0.1:" + std::to_string(federation_.port()),
                           "--ca-hash", std::string(64, 'a'), "--token", "guess"},
                          "north");
  EXPECT_NE(site->wait(), 0);
  EXPECT_THAT(read(path("north.txt")), HasSubstr("takes no guests"));
}

TEST_F(Enrolment, WhereNoLinkCanBeHadFilesAreCarried) {
  federation_.start_coordinator();  // so that its files are there
  federation_.stop_coordinator();
  const auto client = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), FederationFiles::program("tributary-client"));
    std::filesystem::remove(path("out.txt"));
    return run_process(arguments, path("out.txt"));
  };
  const std::vector<std::string> request = {"kit",         "request", "north",          "--dir",
                                            path("north"), "--out",   path("north.tar")};
  ASSERT_EQ(client(request), 0) << read(path("out.txt"));
  const std::string shown = read(path("out.txt"));
  const std::size_t begin = shown.find("\n\n  ") + 4;
  const std::string fingerprint = shown.substr(begin, shown.find("\n\nRead it out") - begin);
  const std::string key = read(path("north/north.key"));
  EXPECT_THAT(read(path("north.tar")), Not(HasSubstr("PRIVATE")));

  std::string output, site = "north";
  const auto sign = [&](const std::string& spoken) {
    return federation_.ctl({"kit", "sign", site, path("north.tar"), "--fingerprint", spoken,
                            "--dir", path("pki"), "--out", path("kit.tar")},
                           &output);
  };
  EXPECT_NE(sign(std::string(64, '0')), 0);
  site = "south";
  EXPECT_NE(sign(fingerprint), 0);
  EXPECT_THAT(output, HasSubstr("of 'north', not of 'south'"));
  site = "north";
  ASSERT_EQ(sign(fingerprint), 0) << output;
  const std::string hash = output.substr(output.rfind(' ') + 1, 64);
  const std::vector<std::string> install = {"kit",   "install",     "north",    path("kit.tar"),
                                            "--dir", path("north"), "--ca-hash"};
  const auto with = [&](const std::string& told) {
    std::vector<std::string> command = install;
    command.push_back(told);
    return command;
  };
  EXPECT_NE(client(with(std::string(64, 'a'))), 0);
  EXPECT_THAT(read(path("out.txt")), HasSubstr("not that of --ca-hash"));
  ASSERT_EQ(client(with(hash)), 0) << read(path("out.txt"));
  EXPECT_EQ(read(path("north/north.key")), key);
  std::filesystem::copy_file(path("data/hospital-1.csv"), path("north/patients.csv"));
  EXPECT_EQ(client({"check-config", "--config", path("north/client.yaml")}), 0)
      << read(path("out.txt"));
  EXPECT_NE(client(request), 0) << "it has its certificate already";
}

class Renewal : public Enrolment {
 protected:
  static constexpr int kSites = 4;
  Renewal() : Enrolment(kSites) {
    const PemPair ca{read(path("pki/sites-ca.pem")), read(path("pki/sites-ca.key"))};
    for (int i = 1; i <= kSites; ++i) {
      // Of 90 days, 80 are over.
      const auto old = *issue_certificate(ca, {name(i), "site", {}, KeyKind::kP256, 10, 80});
      FederationFiles::write(certificate(i), old.certificate);
      FederationFiles::write(path("pki/" + name(i) + ".key"), old.key);
    }
  }
  static std::string name(int i) { return "hospital-" + std::to_string(i); }
  std::string certificate(int i) const { return path("pki/" + name(i) + ".pem"); }
};

TEST_F(Renewal, EverySiteGetsItsNextCertificateOverItsLinkAndNoRoundIsLost) {
  std::map<int, std::string> before;
  for (int i = 1; i <= kSites; ++i) before[i] = read(certificate(i));
  federation_.start_coordinator();
  for (int i = 1; i <= kSites; ++i) federation_.start_client(i);
  ASSERT_TRUE(federation_.wait_for("site.connected", {}, kSites)) << federation_.logs();
  federation_.submit(federation_.write_job(
      kTrain, "{count: 12, deadline: 30s, disconnect_grace: 5s, minimum_sites: 2, quorum: 2}"));
  ASSERT_TRUE(federation_.wait_for("enrolment.requested", {{"renewal", "true"}}, kSites))
      << federation_.logs();
  std::string output;
  ASSERT_EQ(federation_.ctl({"enroll", "renewals", "--dir", path("pki")}, &output), 0) << output;
  for (int i = 1; i <= kSites; ++i) {
    ASSERT_TRUE(wait_until(
        [&] { return federation_.client_events(i, "certificates.reloaded").size() == 1; },
        kPatience))
        << federation_.logs();
    EXPECT_EQ(federation_.client_events(i, "certificate.renewed").size(), 1u);
    EXPECT_NE(*fingerprint_of_key(read(certificate(i))), *fingerprint_of_key(before[i]));
    EXPECT_GE(*days_left(read(certificate(i))), 89);
    EXPECT_FALSE(std::filesystem::exists(path("pki/" + name(i) + ".key.next")));
  }
  EXPECT_TRUE(federation_.events("site.disconnected").empty()) << "links go on";
  ASSERT_TRUE(federation_.kill_client(1));
  federation_.start_client(1);
  ASSERT_TRUE(federation_.wait_for("site.connected", {{"site", name(1)}}, 2)) << federation_.logs();
  ASSERT_TRUE(federation_.wait_for_end()) << federation_.logs();
  EXPECT_EQ(federation_.events("round.committed").size(), 12u) << federation_.logs();
  EXPECT_TRUE(federation_.client_events(1, "certificate.not_renewed").empty());
}

TEST_F(Renewal, ADeniedOneLeavesWhatIsThere) {
  federation_.start_coordinator();
  federation_.start_client(1);
  ASSERT_TRUE(federation_.wait_for("enrolment.requested", {{"renewal", "true"}}))
      << federation_.logs();
  const std::string before = read(certificate(1));
  EXPECT_EQ(federation_.ctl({"enroll", "deny", name(1), "--renewal"}), 0);
  EXPECT_EQ(federation_.ctl({"enroll", "renewals", "--dir", path("pki")}), 0);
  EXPECT_TRUE(wait_until(
      [&] { return federation_.client_events(1, "certificate.not_renewed").size() == 1; },
      kPatience));
  EXPECT_FALSE(std::filesystem::exists(path("pki/" + name(1) + ".key.next")));
  federation_.signal_client(1, SIGHUP);
  EXPECT_TRUE(
      wait_until([&] { return federation_.client_events(1, "certificates.reloaded").size() == 1; },
                 kPatience));
  EXPECT_EQ(read(certificate(1)), before);
  EXPECT_TRUE(federation_.events("enrolment.issued").empty());
}

}  // namespace
}  // namespace tributary

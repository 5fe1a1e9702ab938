// SPDX-License-Identifier: Apache-2.0
// What operators may do, with real processes: people of a single sign-on who come with a token, and
// a matrix of roles that is changed while jobs run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>

#include "common/base/clock.h"
#include "common/transport/dialer.h"
#include "tests/e2e/federation_files.h"
#include "tests/support/tokens.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::seconds kPatience{30};
constexpr const char* kTrain = "{steps: 20, batch_size: 8}";
// Nobody has the data of so many sites: the job waits until somebody ends it.
constexpr const char* kWaits = "{count: 2, minimum_sites: 5}";

class Access : public testing::Test {
 protected:
  Access() { FederationFiles::write(federation_.path("keys.json"), key_.key_set()); }
  ~Access() override { ::unsetenv("TRIBUTARYCTL_BEARER"); }

  void start_with_sign_on(const std::string& more = "") {
    federation_.configure_coordinator(
        "oidc: {issuer: \"https://sso.example.org\", audience: tributary, jwks: keys.json}\n" +
        more);
    federation_.start_coordinator();
  }
  // Of somebody with that role, for so many seconds from now.
  std::string token(const std::string& role, std::int64_t seconds = 300) {
    const std::int64_t now = SystemClock().wall_ms() / 1000;
    tokens_.push_back(key_.token(Json{
        {"iss", "https://sso.example.org"},
        {"aud", "tributary"},
        {"sub", role + "-anna"},
        {"exp", now + seconds},
        {"tributary_role", role}}.dump()));
    return tokens_.back();
  }
  void write_token(const std::string& text) {
    const std::string file = federation_.path("anna.token");
    FederationFiles::write(file, text + "\n");
    ::chmod(file.c_str(), 0600);
  }
  std::string config_of(const std::string& name, const std::string& identity) {
    const std::string file = federation_.path(name + ".yaml");
    FederationFiles::write(file, "coordinator: localhost:" + std::to_string(federation_.port()) +
                                     "\nserver_name: coordinator\n" + identity);
    return file;
  }
  std::vector<std::string> command(const std::string& file, std::vector<std::string> words) const {
    words.insert(words.begin(), {FederationFiles::program("tributaryctl"), "--config", file});
    return words;
  }
  int run(const std::string& file, const std::vector<std::string>& words) {
    std::filesystem::remove(federation_.path("said.txt"));
    const int status = run_process(command(file, words), federation_.path("said.txt"));
    said_ = FederationFiles::read(federation_.path("said.txt"));
    all_said_ += said_;
    return status;
  }
  // As somebody with the token in anna.token.
  int ask(const std::vector<std::string>& words) {
    return run(config_of("anna",
                         "tls: {ca: pki/ca.pem, crl: pki/crl.pem}\n"
                         "bearer_file: anna.token\n"),
               words);
  }
  // As somebody with a certificate.
  int ask_as(const std::string& role, const std::string& name,
             const std::vector<std::string>& words) {
    if (!std::filesystem::exists(federation_.path("pki/" + name + ".pem")))
      federation_.issue("pki", role, name, 30);
    return run(config_of(name, "tls: {certificate: pki/" + name + ".pem, key: pki/" + name +
                                   ".key, ca: pki/ca.pem, crl: pki/crl.pem}\n"),
               words);
  }
  std::string waiting_job() { return federation_.submit(federation_.write_job(kTrain, kWaits)); }
  // Neither the tokens nor a part of one.
  void expect_no_token_in(const std::string& text) const {
    for (const std::string& token : tokens_) {
      const std::size_t first = token.find('.'), second = token.rfind('.');
      EXPECT_THAT(text, Not(HasSubstr(token.substr(first + 1, 24)))) << "its claims";
      EXPECT_THAT(text, Not(HasSubstr(token.substr(second + 1, 24)))) << "its signature";
    }
  }

  FederationFiles federation_{2};
  TokenKey key_{"k1", "ES256"};
  std::vector<std::string> tokens_;
  std::string said_, all_said_;
};

TEST_F(Access, AnAnalystWithATokenReadsAndDoesNothingElse) {
  start_with_sign_on();
  const std::string job = waiting_job();
  write_token(token("analyst"));
  EXPECT_EQ(ask({"status"}), 0) << said_;
  EXPECT_EQ(ask({"job", "show", job}), 0) << said_;
  EXPECT_EQ(ask({"job", "abort", job}), 3);
  EXPECT_THAT(said_, HasSubstr("the role analyst may not"));
  EXPECT_EQ(ask({"site", "disable", "hospital-1", "--unseen"}), 3);
  EXPECT_FALSE(federation_.job_over());
  ASSERT_EQ(federation_.events("operator.refused", {{"operator", "oidc:analyst-anna"}}).size(), 2u);
  const auto came = federation_.events("operator.connected", {{"operator", "oidc:analyst-anna"}});
  ASSERT_FALSE(came.empty());
  EXPECT_EQ(came.front()["role"], "analyst");
}

TEST_F(Access, ALeadWithATokenEndsAJobAndIsToldThatSubmittingTakesACertificate) {
  start_with_sign_on();
  const std::string job = waiting_job();
  write_token(token("lead"));
  EXPECT_EQ(ask({"job", "submit", federation_.path("job.yaml")}), 1);
  EXPECT_THAT(said_, AllOf(HasSubstr("certificate"), HasSubstr("a token cannot sign")));
  EXPECT_EQ(ask({"job", "clone", job}), 1);
  EXPECT_THAT(said_, HasSubstr("a token cannot sign"));
  EXPECT_EQ(federation_.events("job.submitted").size(), 1u);
  EXPECT_EQ(ask({"job", "abort", job}), 0) << said_;
  ASSERT_TRUE(federation_.wait_for("job.aborted"));
  EXPECT_THAT(federation_.events("job.aborted").front()["detail"].get<std::string>(),
              HasSubstr("oidc:lead-anna"));
}

// A program of one's own, instead of ours: the coordinator does not rely on tributaryctl.
asio::awaitable<void> ask_by_hand(DialTarget target, std::shared_ptr<TlsContext> context,
                                  Hello hello, Message request, std::optional<Message>* reply) {
  const Result<Dialed> dialed = co_await dial(target, context, hello);
  if (!dialed || !std::holds_alternative<DialedLink>(*dialed)) co_return;
  const std::shared_ptr<FrameLink> link = std::get<DialedLink>(*dialed).link;
  if (!link->send(request)) co_return;
  Result<Message> got = co_await link->receive();
  if (got) *reply = *std::move(got);
  link->close(make_error(ErrorCode::kCancelled, "done"));
}

TEST_F(Access, WhoeverCameWithATokenSubmitsNothingAlsoByHand) {
  start_with_sign_on();
  const auto context = *TlsContext::load_guest({"", "", federation_.path("pki/ca.pem")});
  Hello hello;
  hello.bearer = token("lead");
  SubmitJob job{FederationFiles::read(federation_.write_job(kTrain, kWaits)), "token", {}};
  const auto answer = [&](const Message& request) {
    asio::io_context io;
    std::optional<Message> reply;
    const DialTarget target{"127.0.0.1", static_cast<std::uint16_t>(federation_.port()),
                            "coordinator"};
    asio::co_spawn(io, ask_by_hand(target, context, hello, request, &reply), asio::detached);
    io.run_for(std::chrono::seconds(30));
    const auto* failed = reply ? std::get_if<RequestFailed>(&*reply) : nullptr;
    return failed == nullptr ? RequestFailed{} : *failed;
  };
  const RequestFailed submitted = answer(job);
  EXPECT_EQ(submitted.code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(submitted.message, HasSubstr("came with a token, which cannot sign"));
  EXPECT_EQ(answer(ListEnrolments{}).code, ErrorCode::kPermissionDenied);
  const RequestFailed other = answer(GetRoot{});
  EXPECT_THAT(other.message, HasSubstr("nothing that an operator may send"));
  EXPECT_TRUE(federation_.events("job.submitted").empty());
  EXPECT_EQ(federation_.events("operator.refused", {{"operator", "oidc:lead-anna"}}).size(), 3u);
}

TEST_F(Access, TokensThatAreNoGoodAreRefusedAndNoneIsEverWrittenDown) {
  start_with_sign_on();
  const auto refused = [&](const std::string& text) {
    write_token(text);
    const std::size_t before = federation_.events("link.refused").size();
    EXPECT_EQ(ask({"status"}), 3) << said_;
    EXPECT_TRUE(federation_.wait_for("link.refused", {}, before + 1));
    const std::string detail = federation_.events("link.refused").back()["detail"];
    EXPECT_THAT(said_, HasSubstr(detail)) << "whoever comes is told what the log says";
    return detail;
  };
  EXPECT_THAT(refused(token("lead", -61)), HasSubstr("has expired"));
  EXPECT_THAT(refused(token("janitor")), HasSubstr("no role"));
  const std::string good = token("lead");
  EXPECT_THAT(refused(good.substr(0, good.size() - 4) + "AAAA"),
              HasSubstr("not signed by the key"));
  const TokenKey stranger("k1", "ES256");
  tokens_.push_back(stranger.token(R"({"iss":"https://sso.example.org"})"));
  EXPECT_THAT(refused(tokens_.back()), HasSubstr("not signed by the key"));
  tokens_.push_back(key_.token(R"({"iss":"https://sso.example.net","aud":"tributary"})"));
  EXPECT_THAT(refused(tokens_.back()), HasSubstr("another issuer"));

  // From a file that others can read it is not even sent; from the environment it is good.
  write_token(good);
  ::chmod(federation_.path("anna.token").c_str(), 0644);
  EXPECT_EQ(ask({"status"}), 2);
  EXPECT_THAT(said_, HasSubstr("chmod 600"));
  const std::string bare = config_of("bare", "tls: {ca: pki/ca.pem}\n");
  EXPECT_EQ(run(bare, {"status"}), 2);
  EXPECT_THAT(said_, HasSubstr("TRIBUTARYCTL_BEARER"));
  ::setenv("TRIBUTARYCTL_BEARER", good.c_str(), 1);
  EXPECT_EQ(run(bare, {"status"}), 0) << said_;
  ::unsetenv("TRIBUTARYCTL_BEARER");

  std::string told = all_said_;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(federation_.path(""))) {
    const std::string ending = entry.path().extension();
    if (ending == ".jsonl" || ending == ".txt" || ending == ".log" || ending == ".sqlite" ||
        ending == ".sqlite-wal")
      told += FederationFiles::read(entry.path());
  }
  told +=
      FederationFiles::read("/proc/" + std::to_string(federation_.coordinator_pid()) + "/cmdline");
  ASSERT_THAT(told, HasSubstr("operator.connected"));
  expect_no_token_in(told);
}

TEST_F(Access, WithoutASingleSignOnNobodyComesWithoutACertificate) {
  federation_.start_coordinator();
  write_token(token("lead"));
  EXPECT_EQ(ask({"status"}), 3);
  EXPECT_TRUE(federation_.wait_for("link.refused"));
  EXPECT_TRUE(federation_.events("operator.connected").empty());
}

TEST_F(Access, ALinkEndsWithItsToken) {
  start_with_sign_on();
  const std::string job = waiting_job();
  write_token(token("analyst", 4 - 60));  // the leeway of a minute ends in four seconds
  EXPECT_EQ(ask({"watch", job}), 3) << "it ends by itself";
  EXPECT_THAT(said_, HasSubstr("the token has expired"));
  EXPECT_FALSE(
      federation_.events("operator.connected", {{"operator", "oidc:analyst-anna"}}).empty())
      << "it was let in before";
}

TEST_F(Access, KeysThatTheProviderHasGivenUpAreWorthNothingAfterARead) {
  start_with_sign_on();
  const std::string job = waiting_job();
  write_token(token("analyst"));
  const std::string file =
      config_of("anna", "tls: {ca: pki/ca.pem, crl: pki/crl.pem}\nbearer_file: anna.token\n");
  Process watch(command(file, {"watch", job}), federation_.path("watch.txt"));
  ASSERT_TRUE(federation_.wait_for("operator.connected", {{"operator", "oidc:analyst-anna"}}));
  expect_no_token_in(FederationFiles::read("/proc/" + std::to_string(watch.pid()) + "/cmdline"));
  // Half a file changes nothing.
  FederationFiles::write(federation_.path("keys.json"), "{\"keys\":[");
  federation_.signal_coordinator(SIGHUP);
  ASSERT_TRUE(federation_.wait_for("access.kept")) << federation_.logs();
  EXPECT_EQ(ask({"status"}), 0) << said_;
  const std::size_t refused = federation_.events("link.refused").size();
  FederationFiles::write(federation_.path("keys.json"), TokenKey("k2", "RS256").key_set());
  federation_.signal_coordinator(SIGHUP);
  ASSERT_TRUE(federation_.wait_for("access.reloaded")) << federation_.logs();
  // The watch was closed, dials again, and is not let in.
  ASSERT_TRUE(federation_.wait_for("link.refused", {}, refused + 1)) << federation_.logs();
  EXPECT_EQ(ask({"status"}), 3);
  EXPECT_THAT(said_, HasSubstr("(kid)"));
  watch.end(SIGTERM);
}

TEST_F(Access, TheMatrixDecidesIsPrintedAndIsReadAgain) {
  FederationFiles::write(federation_.path("roles.yaml"),
                         "operator: [submit_jobs, control_jobs]\n"
                         "lead: [read_status, submit_jobs, control_own_jobs]\n");
  federation_.configure_coordinator("roles: roles.yaml\n");
  federation_.start_coordinator();
  const std::string theirs = waiting_job();
  EXPECT_EQ(ask_as("lead", "lisa", {"job", "abort", theirs}), 3);
  EXPECT_THAT(said_, HasSubstr("for a job that somebody else submitted"));
  ASSERT_EQ(ask_as("lead", "lisa", {"job", "submit", federation_.path("job.yaml")}), 0) << said_;
  const std::string own = said_.substr(0, said_.find('\n'));
  EXPECT_EQ(ask_as("lead", "lisa", {"job", "abort", own}), 0) << said_;
  EXPECT_EQ(ask_as("auditor", "audrey", {"status"}), 3) << "a role that is not named";

  const auto coordinator = [&](const std::string& word) {
    const std::string output = federation_.path("printed.txt");
    std::filesystem::remove(output);
    const int status = run_process({FederationFiles::program("tributary-coordinator"), "--config",
                                    federation_.path("coordinator.yaml"), word},
                                   output);
    said_ = FederationFiles::read(output);
    return status;
  };
  EXPECT_EQ(coordinator("roles"), 0);
  EXPECT_EQ(said_, FederationFiles::read(federation_.path("roles.yaml")));

  FederationFiles::write(federation_.path("roles.yaml"),
                         "auditor: [read_status, read_everything]\n");
  EXPECT_EQ(coordinator("check-config"), 2);
  EXPECT_THAT(said_, AllOf(HasSubstr("roles.yaml:1"), HasSubstr("'read_everything'")));
  FederationFiles::write(federation_.path("roles.yaml"), "auditor: [read_status]\n");
  federation_.signal_coordinator(SIGHUP);
  ASSERT_TRUE(federation_.wait_for("access.reloaded")) << federation_.logs();
  EXPECT_EQ(ask_as("auditor", "audrey", {"status"}), 0) << said_;
  EXPECT_EQ(ask_as("lead", "lisa", {"status"}), 3);
}

// The coordinator's matrix is its own affair: a site believes the certificate.
TEST_F(Access, WhatACoordinatorLetsAnAnalystSubmitRunsAtNoSite) {
  FederationFiles::write(federation_.path("roles.yaml"), "analyst: [submit_jobs]\n");
  federation_.configure_coordinator("roles: roles.yaml\n");
  federation_.start_coordinator();
  for (int site = 1; site <= 2; ++site) federation_.start_client(site);
  ASSERT_TRUE(federation_.wait_for("site.connected", {}, 2)) << federation_.logs();
  const std::string job =
      federation_.write_job(kTrain, "{count: 1, minimum_sites: 2, wait_for_sites: 2s}");
  ASSERT_EQ(ask_as("analyst", "ada", {"job", "submit", job}), 0) << said_;
  ASSERT_TRUE(federation_.wait_for("job.failed")) << federation_.logs();
  for (int site = 1; site <= 2; ++site) {
    const auto untrusted = federation_.client_events(site, "job.untrusted");
    ASSERT_FALSE(untrusted.empty()) << federation_.logs();
    EXPECT_THAT(untrusted.front()["detail"].get<std::string>(), HasSubstr("whose role is analyst"));
  }
  EXPECT_FALSE(federation_.events("client.outcome", {{"reason", "signature_invalid"}}).empty());
}

}  // namespace
}  // namespace tributary

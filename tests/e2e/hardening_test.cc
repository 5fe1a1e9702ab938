// SPDX-License-Identifier: Apache-2.0
// What a stranger can do to the coordinator's port, and what the programs give away of their
// secrets.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <sstream>

#include "common/base/limits.h"
#include "common/crypto/digest.h"
#include "common/transport/dialer.h"
#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

using testing::HasSubstr;

// A connection from another address of this machine; -1 where it is refused.
int connect_from(const char* from, int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, from, &address.sin_addr);
  ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

class Stranger {
 public:
  explicit Stranger(int port) : port_(port) {}
  ~Stranger() {
    for (const int fd : open_) ::close(fd);
  }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  // Connections that say nothing, or something that is no TLS.
  void dial(int times, const std::string& words = "") {
    for (int i = 0; i < times; ++i) {
      const int fd = connect_from("127.0.0.9", port_);
      if (fd < 0) continue;
      ::send(fd, words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      open_.push_back(fd);
    }
  }

 private:
  int port_;
  std::vector<int> open_;
};

class Hardening : public testing::Test {
 protected:
  std::int64_t sum_of(const std::string& field) const {
    std::int64_t sum = 0;
    for (const Json& event : federation_.events("links.refused"))
      sum += event[field].get<std::int64_t>();
    return sum;
  }

  FederationFiles federation_{2};
};

// All places of the greeting would be taken, for ten seconds each.
TEST_F(Hardening, SilentConnectionsOfOneAddressKeepNobodyOut) {
  federation_.configure_coordinator("admission: {dials_per_address: 5000}\n");
  federation_.start_coordinator();
  Stranger stranger(federation_.port());
  stranger.dial(3 * static_cast<int>(limits::kHandshakesMax));
  for (int site = 1; site <= 2; ++site) federation_.start_client(site);
  ASSERT_TRUE(federation_.wait_for("site.connected", {}, 2)) << federation_.logs();
  EXPECT_TRUE(federation_.events("link.refused", {{"reason", "deadline_exceeded"}}).empty())
      << "the sites did not wait for the stranger's time to end";
  EXPECT_TRUE(wait_until(
      [&] {
        return sum_of("dropped") >= 5 * static_cast<std::int64_t>(limits::kHandshakesMax) / 2;
      },
      std::chrono::seconds(20)))
      << "whoever was not heard is counted\n"
      << federation_.logs();
}

TEST_F(Hardening, AFloodIsDroppedBeforeItCostsAHandshakeAndFillsNoLog) {
  federation_.start_coordinator();
  Stranger stranger(federation_.port());
  constexpr int kDials = 4'000;
  stranger.dial(kDials, "GET / HTTP/1.1\r\n\r\n");
  federation_.start_client(1);
  ASSERT_TRUE(federation_.wait_for("site.connected")) << federation_.logs();
  std::size_t told = 0;
  EXPECT_TRUE(wait_until(
      [&] {
        told = federation_.events("link.refused").size();
        return static_cast<std::int64_t>(told) + sum_of("refused") + sum_of("dropped") == kDials;
      },
      std::chrono::seconds(20)))
      << "each is told or counted\n"
      << federation_.logs();
  EXPECT_GT(sum_of("dropped"), kDials / 4);
  EXPECT_LT(told, static_cast<std::size_t>(kDials) / 8);
}

// A peer that says what it likes and does not read what it is answered unless it is asked to.
class Caller final : public LinkHandler {
 public:
  Caller(int port, std::shared_ptr<TlsContext> context) {
    asio::co_spawn(io_, live(this, static_cast<std::uint16_t>(port), std::move(context)),
                   asio::detached);
    run_until([this] { return let_in || !ended.empty(); });
  }
  Status on_message(const Message& message) override {
    heard.push_back(message);
    return {};
  }
  Status on_chunk(std::uint32_t, Chunk) override { return {}; }
  void say(const Message& message) {
    ASSERT_TRUE(link_->send(message));
    run_until([this] { return !heard.empty() || !ended.empty(); });
  }
  void run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < end)
      io_.run_one_for(std::chrono::milliseconds(50));
  }

  bool let_in = false;
  std::string ended;
  std::vector<Message> heard;

 private:
  static asio::awaitable<void> live(Caller* self, std::uint16_t port,
                                    std::shared_ptr<TlsContext> context) {
    DialTarget target{"127.0.0.1", port, "coordinator"};
    Hello hello;
    const Result<Dialed> dialed = co_await dial(target, context, hello);
    if (!dialed || std::holds_alternative<Goodbye>(*dialed)) {
      self->ended = dialed ? std::get<Goodbye>(*dialed).message : dialed.error().message;
      co_return;
    }
    self->let_in = true;
    self->link_ = std::get<DialedLink>(*dialed).link;
    const Error why = co_await self->link_->run(*self);
    self->ended = why.message;
  }

  asio::io_context io_{1};
  std::shared_ptr<FrameLink> link_;
};

TEST_F(Hardening, SilentGuestsOfOneAddressAreFewAndSoonOver) {
  federation_.start_coordinator();
  ASSERT_EQ(federation_.ctl({"enroll", "invite", "somebody"}), 0);
  const auto guest =
      *TlsContext::load_guest({.certificate = {}, .key = {}, .ca = federation_.path("pki/ca.pem")});
  std::vector<std::unique_ptr<Caller>> callers;
  const auto dial_one = [&]() -> Caller& {
    return *callers.emplace_back(std::make_unique<Caller>(federation_.port(), guest));
  };
  ASSERT_TRUE(wait_until([&] { return dial_one().let_in; }, std::chrono::seconds(20)))
      << "guests are expected from now on";
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(dial_one().let_in) << callers.back()->ended;
  EXPECT_EQ(dial_one().ended, "too many guests at a time");
  EXPECT_TRUE(federation_.wait_for("link.refused", {{"reason", "unavailable"}}))
      << federation_.logs();
  EXPECT_TRUE(wait_until([&] { return dial_one().let_in; }, std::chrono::seconds(20)))
      << "the others' time is over\n"
      << federation_.logs();
}

TEST_F(Hardening, TheLinksOfOneOperatorHaveALimitAndAnothersAreLetIn) {
  federation_.start_coordinator();
  federation_.issue("pki", "analyst", "anna", 10);
  const auto context = [this](const std::string& name) {
    const std::string stem = federation_.path("pki/" + name);
    return *TlsContext::load({stem + ".pem", stem + ".key", federation_.path("pki/ca.pem")},
                             TlsContext::Side::kClient);
  };
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < 16; ++i) {
    callers.push_back(std::make_unique<Caller>(federation_.port(), context("operator")));
    ASSERT_TRUE(callers.back()->let_in) << callers.back()->ended;
  }
  EXPECT_THAT(Caller(federation_.port(), context("operator")).ended, HasSubstr("has 16 links"));
  EXPECT_TRUE(Caller(federation_.port(), context("anna")).let_in);
}

TEST_F(Hardening, NoByteOfAnUnsignedJobsModuleIsFetched) {
  federation_.start_coordinator();
  const std::string stem = federation_.path("pki/operator");
  Caller caller(federation_.port(),
                *TlsContext::load({stem + ".pem", stem + ".key", federation_.path("pki/ca.pem")},
                                  TlsContext::Side::kClient));
  ASSERT_TRUE(caller.let_in) << caller.ended;
  SubmitJob job{FederationFiles::read(federation_.write_job("{steps: 20, batch_size: 8}",
                                                            "{count: 2, minimum_sites: 2}")),
                "t",
                {sha256(as_bytes("module")), 6}};
  caller.say(job);
  ASSERT_EQ(caller.heard.size(), 1u) << caller.ended;
  const auto* refused = std::get_if<RequestFailed>(&caller.heard[0]);
  ASSERT_NE(refused, nullptr) << "the module was asked for first";
  EXPECT_THAT(refused->message, HasSubstr("sign"));
}

// Each line of each private key, in every log and in what the system tells of a process.
TEST_F(Hardening, NoSecretIsInALogOrInTheListOfProcesses) {
  federation_.configure_clients("level: debug");
  federation_.start_coordinator();
  for (int site = 1; site <= 2; ++site) federation_.start_client(site);
  federation_.submit(
      federation_.write_job("{steps: 20, batch_size: 8}", "{count: 2, minimum_sites: 2}"));
  ASSERT_TRUE(federation_.wait_for("job.finished")) << federation_.logs();

  std::vector<std::string> secrets;
  std::string told;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(federation_.path(""))) {
    const std::string ending = entry.path().extension();
    if (!entry.is_regular_file()) continue;
    if (ending == ".jsonl" || ending == ".txt" || ending == ".log")
      told += FederationFiles::read(entry.path());
    if (ending != ".key") continue;
    std::istringstream lines(FederationFiles::read(entry.path()));
    for (std::string line; std::getline(lines, line);)
      if (line.size() > 20 && line[0] != '-') secrets.push_back(line);
  }
  for (const pid_t pid : {federation_.coordinator_pid(), federation_.client_pid(1)}) {
    const std::string process = "/proc/" + std::to_string(pid);
    told +=
        FederationFiles::read(process + "/cmdline") + FederationFiles::read(process + "/environ");
  }
  ASSERT_GE(secrets.size(), 8u) << "root, coordinator, sites and operator have keys of two lines";
  ASSERT_THAT(told, HasSubstr("round.committed"));
  ASSERT_THAT(told, HasSubstr("--config"));
  for (const std::string& secret : secrets) EXPECT_THAT(told, testing::Not(HasSubstr(secret)));
}

TEST_F(Hardening, TheDaemonsLeaveNoCoreDump) {
  federation_.start_coordinator();
  federation_.start_client(1);
  ASSERT_TRUE(federation_.wait_for("site.connected"));
  for (const pid_t pid : {federation_.coordinator_pid(), federation_.client_pid(1)}) {
    std::istringstream limits(FederationFiles::read("/proc/" + std::to_string(pid) + "/limits"));
    std::string line;
    while (std::getline(limits, line) && line.find("core file") == std::string::npos) {
    }
    std::istringstream words(line);
    std::string max, core, file, size, soft, hard;
    words >> max >> core >> file >> size >> soft >> hard;
    EXPECT_EQ(soft + " " + hard, "0 0") << line;
  }
}

}  // namespace
}  // namespace tributary

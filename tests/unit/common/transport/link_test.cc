// SPDX-License-Identifier: Apache-2.0
// Two ends of a real TLS link over loopback, on one io_context.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fstream>

#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/crypto/pki.h"
#include "common/transport/dialer.h"
#include "common/transport/handshake.h"
#include "common/transport/listener.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Recorder final : LinkHandler {
  std::vector<Message> messages;
  Bytes bytes;
  Status on_message(const Message& message) override {
    messages.push_back(message);
    return std::holds_alternative<ListJobs>(message)
               ? Status{make_error(ErrorCode::kProtocol, "not here")}
               : Status{};
  }
  Status on_chunk(std::uint32_t, Chunk chunk) override {
    bytes.insert(bytes.end(), chunk.bytes().begin(), chunk.bytes().end());
    return {};
  }
};

class Link : public testing::Test {
 protected:
  void SetUp() override {
    ca_ = *make_ca("test", KeyKind::kP256, 10);
    issue(ca_, "coordinator", "hub", 10);
    issue(ca_, "site", "north", 10);
    listener_ = *Listener::open(io_, "127.0.0.1", 0, context("hub", TlsContext::Side::kServer));
    listener_->start(
        [this](std::shared_ptr<FrameLink> link, const Hello&) {
          if (sends_away_) return link->close(make_error(ErrorCode::kUnavailable, "later"), 4'321);
          static_cast<void>(link->send(Welcome{kProtocolVersion, "test", 1, 2'500}).has_value());
          accepted_ = link;
          asio::co_spawn(io_, run(link, &served_, &served_end_), asio::detached);
        },
        [this](const std::string&, const Error& why) { refused_ = why.message; });
  }
  void TearDown() override {
    listener_->stop();
    if (accepted_) accepted_->close(make_error(ErrorCode::kCancelled, "over"));
    if (dialed_) dialed_->close(make_error(ErrorCode::kCancelled, "over"));
    io_.run_for(std::chrono::seconds(3));
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    ::chmod((directory_ / name).c_str(), 0600);
  }
  void issue(const PemPair& ca, const std::string& role, const std::string& name, int days) {
    const auto pair = issue_certificate(ca, {name, role, {}, KeyKind::kP256, days});
    write(name + ".pem", pair->certificate);
    write(name + ".key", pair->key);
    write("ca.pem", ca_.certificate);
  }
  std::shared_ptr<TlsContext> context(const std::string& name, TlsContext::Side side) {
    auto loaded = TlsContext::load(
        {directory_ / (name + ".pem"), directory_ / (name + ".key"), directory_ / "ca.pem"}, side);
    EXPECT_TRUE(loaded) << loaded.error().message;
    return *loaded;
  }
  static asio::awaitable<void> run(std::shared_ptr<FrameLink> link, LinkHandler* handler,
                                   std::optional<Error>* end) {
    const Error ended = co_await link->run(*handler);
    *end = ended;
  }
  static asio::awaitable<void> dial_into(DialTarget target, std::shared_ptr<TlsContext> tls,
                                         std::optional<Result<Dialed>>* out) {
    Hello hello;
    Result<Dialed> dialed = co_await dial(target, tls, hello);
    *out = std::move(dialed);
  }
  Result<Dialed> dial_as(const std::string& name, const std::string& server_name = "hub") {
    std::optional<Result<Dialed>> dialed;
    const DialTarget target{"127.0.0.1", listener_->port(), server_name};
    asio::co_spawn(io_, dial_into(target, context(name, TlsContext::Side::kClient), &dialed),
                   asio::detached);
    run_until([&] { return dialed.has_value(); });
    return *std::move(dialed);
  }
  void connect() {
    auto dialed = dial_as("north");
    ASSERT_TRUE(dialed) << dialed.error().message;
    const auto* taken = std::get_if<DialedLink>(&*dialed);
    ASSERT_NE(taken, nullptr);
    EXPECT_EQ(taken->welcome.reconnect_spread_ms, 2'500);
    dialed_ = taken->link;
    asio::co_spawn(io_, run(dialed_, &client_, &client_end_), asio::detached);
    run_until([&] { return accepted_ != nullptr; });
  }
  void run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < end)
      io_.run_one_for(std::chrono::milliseconds(50));
    EXPECT_TRUE(done());
  }

  TemporaryDirectory directory_;
  PemPair ca_;
  asio::io_context io_{1};
  std::shared_ptr<Listener> listener_;
  std::shared_ptr<FrameLink> accepted_, dialed_;
  Recorder served_, client_;
  std::optional<Error> served_end_, client_end_;
  std::string refused_;
  bool sends_away_ = false;
};

ChunkSource source_of(std::shared_ptr<Bytes> bytes) {
  auto at = std::make_shared<std::size_t>(0);
  return [bytes, at](MutableByteView into) -> Result<std::size_t> {
    const std::size_t size = std::min(into.size(), bytes->size() - *at);
    std::copy_n(bytes->begin() + static_cast<std::ptrdiff_t>(*at), size, into.begin());
    *at += size;
    return size;
  };
}

TEST_F(Link, KnowsThePeerAndCarriesChunksBothWaysWithMessagesBetween) {
  connect();
  EXPECT_EQ(accepted_->peer().name, "north");
  EXPECT_EQ(accepted_->peer().role, PeerRole::kSite);
  EXPECT_EQ(dialed_->peer().name, "hub");
  const auto up = std::make_shared<Bytes>(8u << 20, std::byte{7}),
             down = std::make_shared<Bytes>((8u << 20) + 3, std::byte{9});
  dialed_->add_source(1, source_of(up));
  accepted_->add_source(1, source_of(down));
  ASSERT_TRUE(dialed_->send(RoundCommitted{JobId{"j"}, 4}));
  run_until([&] { return !served_.messages.empty(); });
  EXPECT_LT(served_.bytes.size(), up->size()) << "the message did not wait for the upload";
  run_until(
      [&] { return served_.bytes.size() == up->size() && client_.bytes.size() == down->size(); });
  EXPECT_EQ(served_.bytes, *up);
  EXPECT_EQ(client_.bytes, *down);
}

TEST_F(Link, WhoeverCannotKeepUpReadsNothingUntilItIsResumed) {
  connect();
  accepted_->pause_reading();
  const auto up = std::make_shared<Bytes>(64u << 20, std::byte{7});
  dialed_->add_source(1, source_of(up));
  ASSERT_TRUE(accepted_->send(RoundCommitted{JobId{"j"}, 4}));
  run_until([&] { return !client_.messages.empty(); });
  EXPECT_LE(served_.bytes.size(), std::size_t{1} << 20) << "only the frame that was on its way";
  accepted_->resume_reading();
  run_until([&] { return served_.bytes.size() == up->size(); });
  accepted_->pause_reading();
  ASSERT_TRUE(dialed_->send(RoundCommitted{JobId{"j"}, 5}));
  accepted_->close(make_error(ErrorCode::kUnavailable, "enough"));
  run_until([&] { return served_end_ && client_end_; });
}

TEST_F(Link, WhatWaitsForAPeerThatDoesNotReadHasALimit) {
  connect();
  const SubmitJob large{std::string(limits::kJobDocumentBytesMax, 'x'), "t", {}};
  std::size_t taken = 0;
  Status sent;
  while (taken < 10'000 && (sent = accepted_->send(large))) ++taken;  // nothing runs meanwhile
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(sent.error().message, HasSubstr("does not read"));
  EXPECT_LE(taken * limits::kJobDocumentBytesMax, 9 * limits::kControlBytesMax);
  run_until([&] { return served_end_ && client_end_; });
}

TEST_F(Link, ACloseTellsItsReasonAndBothEndsEnd) {
  connect();
  accepted_->close(make_error(ErrorCode::kPermissionDenied, "not today"), 777);
  run_until([&] { return served_end_ && client_end_; });
  ASSERT_EQ(client_.messages.size(), 1u);
  EXPECT_EQ(std::get<Goodbye>(client_.messages[0]).message, "not today");
  EXPECT_EQ(std::get<Goodbye>(client_.messages[0]).retry_after_ms, 777);
  EXPECT_EQ(served_end_->message, "not today");
  EXPECT_FALSE(dialed_->send(GetStatus{})) << "a closed link takes nothing";
}

TEST_F(Link, AGoodbyeInsteadOfAWelcomeArrivesAsItWasSaid) {
  sends_away_ = true;
  const Result<Dialed> dialed = dial_as("north");
  ASSERT_TRUE(dialed) << dialed.error().message;
  const auto* goodbye = std::get_if<Goodbye>(&*dialed);
  ASSERT_NE(goodbye, nullptr);
  EXPECT_EQ(goodbye->code, ErrorCode::kUnavailable);
  EXPECT_EQ(goodbye->message, "later");
  EXPECT_EQ(goodbye->retry_after_ms, 4'321);
}

TEST_F(Link, AHandlersErrorClosesTheLink) {
  connect();
  ASSERT_TRUE(dialed_->send(ListJobs{}));
  run_until([&] { return served_end_.has_value(); });
  EXPECT_EQ(served_end_->code, ErrorCode::kProtocol);
}

TEST_F(Link, WrongPeersAreRefusedOnBothSides) {
  const auto other = *make_ca("other", KeyKind::kEd25519, 10);
  issue(other, "site", "stranger", 10);
  EXPECT_FALSE(dial_as("stranger"));
  EXPECT_THAT(refused_, HasSubstr("not from our CA"));
  const auto wrong_name = dial_as("north", "elsewhere");
  ASSERT_FALSE(wrong_name);
  EXPECT_THAT(wrong_name.error().message, HasSubstr("another name"));
  const auto address = dial_as("north", "127.0.0.1");
  ASSERT_FALSE(address);
  EXPECT_THAT(address.error().message, HasSubstr("another name"));
  EXPECT_THAT(address.error().message, HasSubstr("server_name"));
}

TEST_F(Link, AWriteToABrokenConnectionIsAnErrorAndNoSignal) {
  asio::ip::tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
  Socket socket(io_);
  socket.connect(acceptor.local_endpoint());
  socket.shutdown(asio::socket_base::shutdown_send);  // the next write gets EPIPE
  const auto client = context("north", TlsContext::Side::kClient);
  const auto stream = *TlsStream::make(std::move(socket), *client, "coordinator");
  std::optional<Result<PeerIdentity>> outcome;
  const auto shake = [](TlsStream* one,
                        std::optional<Result<PeerIdentity>>* to) -> asio::awaitable<void> {
    Result<PeerIdentity> done = co_await one->handshake();
    to->emplace(std::move(done));
  };
  asio::co_spawn(io_, shake(stream.get(), &outcome), asio::detached);
  for (int i = 0; i < 500 && !outcome; ++i) io_.run_for(std::chrono::milliseconds(10));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_FALSE(outcome->has_value());
}

TEST(KernelTls, IsOfferedWhereTheKernelListsIt) {
  const TemporaryDirectory directory;
  const auto offered = [&](const std::string& listed) {
    std::ofstream(directory / "list") << listed;
    return kernel_offers_tls(directory / "list");
  };
  EXPECT_TRUE(offered("espintcp mptcp tls\n"));
  EXPECT_FALSE(offered("espintcp mptcp\n"));
  EXPECT_FALSE(offered("mptls\n"));
  EXPECT_FALSE(kernel_offers_tls(directory / "missing"));
}

TEST_F(Link, ContextsNameTheFileAtFault) {
  const auto load = [&](const std::string& certificate, const std::string& key) {
    return TlsContext::load({directory_ / certificate, directory_ / key, directory_ / "ca.pem"},
                            TlsContext::Side::kClient)
        .error()
        .message;
  };
  EXPECT_THAT(load("none.pem", "north.key"), HasSubstr("none.pem: No such file or directory"));
  EXPECT_THAT(load("north.pem", ""), HasSubstr("Is a directory"));
  EXPECT_THAT(load("north.key", "north.key"), HasSubstr("north.key is a private key"));
  EXPECT_THAT(load("north.pem", "hub.pem"), HasSubstr("hub.pem is a certificate"));
  write("text.pem", "hello");
  EXPECT_THAT(load("text.pem", "north.key"), HasSubstr("nothing in PEM format"));
  EXPECT_THAT(load("north.pem", "hub.key"), HasSubstr("does not belong"));
  issue(ca_, "site", "old", -1);
  EXPECT_THAT(load("old.pem", "old.key"), HasSubstr("expired"));
  const auto north = TlsContext::load_as(
      PeerRole::kSite, {directory_ / "north.pem", directory_ / "north.key", directory_ / "ca.pem"});
  ASSERT_TRUE(north);
  EXPECT_NEAR(static_cast<double>((*north)->days_left()), 10.0, 1.0);
  const auto played = TlsContext::load_as(
      PeerRole::kOperator,
      {directory_ / "north.pem", directory_ / "north.key", directory_ / "ca.pem"});
  ASSERT_FALSE(played);
  EXPECT_THAT(played.error().message, HasSubstr("has the role site, not operator"));
  issue(ca_, "king", "odd", 10);
  EXPECT_THAT(load("odd.pem", "odd.key"), AllOf(HasSubstr("odd.pem"), HasSubstr("OU")));
  issue(*make_ca("test", KeyKind::kP256, 10), "site", "guest", 10);
  const auto guest = TlsContext::load_as(
      PeerRole::kSite, {directory_ / "guest.pem", directory_ / "guest.key", directory_ / "ca.pem"});
  ASSERT_FALSE(guest);
  EXPECT_THAT(guest.error().message, HasSubstr("guest.pem is not signed by CA"));
  EXPECT_TRUE(TlsContext::load_as(
      PeerRole::kSite,
      {directory_ / "north.pem", directory_ / "north.key", directory_ / "ca.pem"}));
}

}  // namespace
}  // namespace tributary

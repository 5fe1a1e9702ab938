// SPDX-License-Identifier: Apache-2.0
// Who is let in over a real TLS link, by chains, lists of revoked certificates, clocks and names,
// and that each refusal names its fault.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fstream>

#include "common/base/version.h"
#include "common/crypto/pki.h"
#include "common/crypto/signing_request.h"
#include "common/transport/dialer.h"
#include "common/transport/listener.h"
#include "tests/support/soft_token.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::int64_t kDay = 24 * 3600;

struct Recorder final : LinkHandler {
  std::vector<std::string> goodbyes;
  Status on_message(const Message& message) override {
    if (const auto* goodbye = std::get_if<Goodbye>(&message)) goodbyes.push_back(goodbye->message);
    return {};
  }
  Status on_chunk(std::uint32_t, Chunk) override { return {}; }
};

class Trust : public testing::Test {
 protected:
  void SetUp() override {
    write("ca.pem", root_.certificate);
    issue(services_, {"hub", "coordinator", {"10.1.2.3"}, KeyKind::kP256, 10});
    issue(sites_, {"north", "site", {}, KeyKind::kP256, 10});
    write("crl.pem", lists({}, kDay));
  }
  void TearDown() override {
    if (listener_) listener_->stop();
    for (const auto& link : links_) link->close(make_error(ErrorCode::kCancelled, "over"));
    io_.run_for(std::chrono::seconds(3));
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    ::chmod((directory_ / name).c_str(), 0600);
  }
  std::string issue(const PemPair& ca, const CertificateRequest& request) {
    const auto pair = issue_certificate(ca, request);
    write(request.name + ".pem", pair->certificate);
    write(request.name + ".key", pair->key);
    return pair->certificate;
  }
  std::string lists(const std::vector<std::string>& revoked, std::int64_t seconds) {
    return *make_crl(root_, "", revoked, kDay) + *make_crl(sites_, "", revoked, seconds) +
           *make_crl(services_, "", revoked, seconds);
  }
  Result<std::shared_ptr<TlsContext>> load(const std::string& name, PeerRole role,
                                           const std::string& crl = "") {
    return TlsContext::load_as(role, {directory_ / (name + ".pem"), directory_ / (name + ".key"),
                                      directory_ / "ca.pem", crl.empty() ? "" : directory_ / crl});
  }
  void listen(std::shared_ptr<TlsContext> context) {
    listener_ = *Listener::open(io_, "127.0.0.1", 0, std::move(context));
    listener_->start(
        [this](std::shared_ptr<FrameLink> link, const Hello&) {
          static_cast<void>(link->send(Welcome{kProtocolVersion, "test", 1, 0}).has_value());
          roles_.push_back(link->peer().role);
          keep(link);
        },
        [this](const std::string&, const Error& why) { refused_ = why.message; });
  }
  void keep(const std::shared_ptr<FrameLink>& link) {
    links_.push_back(link);
    const auto run = [](Trust* self, std::shared_ptr<FrameLink> one) -> asio::awaitable<void> {
      const Error ended = co_await one->run(self->handler_);
      self->ends_.push_back(ended.message);
    };
    asio::co_spawn(io_, run(this, link), asio::detached);
  }
  // What the side that dials is told; empty where it is let in.
  std::string dial_with(std::shared_ptr<TlsContext> context, const std::string& server = "hub") {
    std::optional<Result<Dialed>> dialed;
    const auto dial_into = [](DialTarget target, std::shared_ptr<TlsContext> tls,
                              std::optional<Result<Dialed>>* out) -> asio::awaitable<void> {
      Hello hello;
      Result<Dialed> done = co_await dial(target, tls, hello);
      *out = std::move(done);
    };
    refused_.clear();
    asio::co_spawn(io_, dial_into({"127.0.0.1", listener_->port(), server}, context, &dialed),
                   asio::detached);
    run_until([&] { return dialed.has_value(); });
    if (!*dialed) return dialed->error().message;
    keep(std::get<DialedLink>(**dialed).link);
    return "";
  }
  void run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < end)
      io_.run_one_for(std::chrono::milliseconds(50));
    EXPECT_TRUE(done());
  }

  TemporaryDirectory directory_;
  PemPair root_ = *make_ca("test", KeyKind::kP256, 100);
  PemPair sites_ = *make_issuing_ca(root_, kSitesCa, KeyKind::kP256, 50);
  PemPair services_ = *make_issuing_ca(root_, kServicesCa, KeyKind::kEd25519, 50);
  asio::io_context io_{1};
  Recorder handler_;
  std::shared_ptr<Listener> listener_;
  std::vector<std::shared_ptr<FrameLink>> links_;
  std::vector<std::string> ends_;
  std::vector<PeerRole> roles_;  // of those who were let in
  std::string refused_;
};

TEST_F(Trust, IssuingCasStandBetweenThePartiesAndTheRootThatAllHave) {
  listen(*load("hub", PeerRole::kCoordinator, "crl.pem"));
  EXPECT_EQ(dial_with(*load("north", PeerRole::kSite, "crl.pem")), "");
  EXPECT_EQ(dial_with(*load("north", PeerRole::kSite)), "");
}

TEST_F(Trust, AKeyInAHardwareTokenMakesALinkOnEitherSide) {
  SoftToken token;
  for (const std::string name : {"hub", "north"}) {
    const std::string role = name == "hub" ? "coordinator" : "site";
    const auto made = *make_signing_request(name, role, KeyKind::kP256);
    token.add_token(name);
    token.import(name, "link", "01", made.key);
    write(name + ".pem", *certify(name == "hub" ? services_ : sites_, made.request,
                                  {name, role, {}, KeyKind::kP256, 10}));
  }
  write("pin", SoftToken::kPin);
  const auto load_from_token = [&](const std::string& name, const std::string& owner) {
    return TlsContext::load_as(name == "hub" ? PeerRole::kCoordinator : PeerRole::kSite,
                               {directory_ / (name + ".pem"),
                                "pkcs11:token=" + owner + ";object=link;type=private?module-path=" +
                                    SoftToken::module() + "&pin-source=file:" + directory_ / "pin",
                                directory_ / "ca.pem", directory_ / "crl.pem"});
  };
  const auto hub = load_from_token("hub", "hub");
  ASSERT_TRUE(hub) << hub.error().message;
  listen(*hub);
  const auto north = load_from_token("north", "north");
  ASSERT_TRUE(north) << north.error().message;
  EXPECT_EQ(dial_with(*north), "");
  EXPECT_EQ(roles_, std::vector{PeerRole::kSite});
  EXPECT_THAT(load_from_token("north", "hub").error().message,
              AllOf(HasSubstr("does not belong"), testing::Not(HasSubstr("pin"))));
}

TEST_F(Trust, AGuestComesWithoutACertificateAndOnlyWhereGuestsAreExpected) {
  const auto hub = *load("hub", PeerRole::kCoordinator, "crl.pem");
  listen(hub);
  const TlsFiles files{"", "", directory_ / "ca.pem", directory_ / "crl.pem"};
  EXPECT_NE(dial_with(*TlsContext::load_guest(files)), "");
  hub->admit_guests(true);
  EXPECT_EQ(dial_with(*TlsContext::load_guest(files)), "");
  EXPECT_EQ(roles_, std::vector{PeerRole::kGuest});
  EXPECT_THAT(dial_with(*TlsContext::load_guest(files), "elsewhere"), HasSubstr("'elsewhere'"));
  write("ca.pem", make_ca("another", KeyKind::kP256, 100)->certificate);
  EXPECT_THAT(dial_with(*TlsContext::load_guest({"", "", directory_ / "ca.pem", ""})),
              HasSubstr("not from our CA"));
  EXPECT_EQ(dial_with(*TlsContext::load_stranger(), "elsewhere"), "");  // to ask for the root
  EXPECT_FALSE(TlsContext::load_guest({}))
      << "a file that was not named is no leave to believe all";
  // Who has a certificate shows it still, and nobody comes without by the peers' protocol.
  write("ca.pem", root_.certificate);
  EXPECT_EQ(dial_with(*load("north", PeerRole::kSite)), "");
  EXPECT_EQ(roles_, (std::vector{PeerRole::kGuest, PeerRole::kGuest, PeerRole::kSite}));
  listener_->renew(*load("hub", PeerRole::kCoordinator));
  EXPECT_EQ(ends_, std::vector<std::string>{}) << "a guest's link goes on";
}

TEST_F(Trust, WhoeverHasTheSitesCaMakesNoCoordinatorAndNoOperator) {
  issue(sites_, {"hub", "coordinator", {}, KeyKind::kP256, 10});
  EXPECT_THAT(load("hub", PeerRole::kCoordinator).error().message,
              HasSubstr("sites and evaluators only"));
  listen(*TlsContext::load({directory_ / "hub.pem", directory_ / "hub.key", directory_ / "ca.pem"},
                           TlsContext::Side::kServer));
  EXPECT_THAT(dial_with(*load("north", PeerRole::kSite)),
              AllOf(HasSubstr("'hub'"), HasSubstr("sites and evaluators only")));
  issue(sites_, {"eve", "lead", {}, KeyKind::kP256, 10});
  issue(services_, {"hub", "coordinator", {}, KeyKind::kP256, 10});
  listener_->renew(*load("hub", PeerRole::kCoordinator));
  EXPECT_NE(dial_with(*TlsContext::load(
                {directory_ / "eve.pem", directory_ / "eve.key", directory_ / "ca.pem"},
                TlsContext::Side::kClient)),
            "");
  EXPECT_THAT(refused_, AllOf(HasSubstr("'eve'"), HasSubstr("sites and evaluators only")));
}

TEST_F(Trust, RevokedPartiesAndCasAreRefusedOnBothSidesAndToldSo) {
  const auto north = load("north", PeerRole::kSite).value();
  const auto hub = load("hub", PeerRole::kCoordinator).value();
  std::ifstream in(directory_ / "north.pem"), of_hub(directory_ / "hub.pem");
  const std::string own{std::istreambuf_iterator<char>(in), {}};
  const std::string hubs{std::istreambuf_iterator<char>(of_hub), {}};
  write("north-out.pem", lists({own}, kDay));
  write("hub-out.pem", lists({hubs}, kDay));
  write("sites-out.pem", lists({sites_.certificate}, kDay));
  listen(*load("hub", PeerRole::kCoordinator, "north-out.pem"));
  EXPECT_THAT(dial_with(north), HasSubstr("our certificate was revoked"));
  EXPECT_THAT(refused_, HasSubstr("its certificate was revoked by the CA 'test root, issuing CA"));
  listener_->renew(*load("hub", PeerRole::kCoordinator, "sites-out.pem"));
  EXPECT_NE(dial_with(north), "");
  EXPECT_THAT(refused_, AllOf(HasSubstr("the certificate of its CA"), HasSubstr("was revoked")));
  listener_->renew(hub);
  EXPECT_THAT(dial_with(*load("north", PeerRole::kSite, "hub-out.pem")), HasSubstr("was revoked"));
  EXPECT_THAT(load("north", PeerRole::kSite, "north-out.pem").error().message,
              AllOf(HasSubstr("north.pem was revoked"), HasSubstr("north-out.pem")));
}

TEST_F(Trust, NobodyIsLetInByAListThatIsMissingUnreadableOrStale) {
  const auto fault = [&](const std::string& crl) {
    return load("hub", PeerRole::kCoordinator, crl).error().message;
  };
  EXPECT_THAT(fault("none.pem"), HasSubstr("none.pem: No such file"));
  EXPECT_THAT(fault("ca.pem"), HasSubstr("no list of revoked"));
  write("stale.pem", lists({}, -1));
  EXPECT_THAT(fault("stale.pem"), AllOf(HasSubstr("has ended"), HasSubstr("tributaryctl pki crl")));
  write("part.pem", *make_crl(root_, "", {}, kDay));
  EXPECT_THAT(fault("part.pem"), HasSubstr("has none of the CA that issued"));
  // It was complete for our own certificate, and says nothing of the sites' CA.
  write("services.pem", *make_crl(root_, "", {}, kDay) + *make_crl(services_, "", {}, kDay));
  listen(*load("hub", PeerRole::kCoordinator, "services.pem"));
  EXPECT_NE(dial_with(*load("north", PeerRole::kSite)), "");
  EXPECT_THAT(refused_, AllOf(HasSubstr("tls.crl"), HasSubstr("issuing CA for sites")));
}

TEST_F(Trust, AListThatEndsWhileItIsInForceLetsNobodyInAnyMore) {
  const auto hub = load("hub", PeerRole::kCoordinator, "crl.pem").value();
  EXPECT_NEAR(static_cast<double>(*hub->crl_seconds_left()), static_cast<double>(kDay), 60.0);
  EXPECT_FALSE(load("hub", PeerRole::kCoordinator).value()->crl_seconds_left().has_value());
  write("short.pem", lists({}, 2));
  const auto ending = load("hub", PeerRole::kCoordinator, "short.pem").value();
  listen(ending);
  run_until([&] { return *ending->crl_seconds_left() < 0; });
  EXPECT_THAT(dial_with(*load("north", PeerRole::kSite)), HasSubstr("list of revoked ones"));
  EXPECT_THAT(refused_, AllOf(HasSubstr("issuing CA for sites"), HasSubstr("ended at 20"),
                              HasSubstr("tributaryctl pki crl")));
}

TEST_F(Trust, ClocksThatDifferAndNamesThatDoNotFitAreToldWithBothValues) {
  issue(sites_, {"early", "site", {}, KeyKind::kP256, 10, -2});
  listen(*load("hub", PeerRole::kCoordinator));
  EXPECT_THAT(dial_with(*load("early", PeerRole::kSite)), HasSubstr("valid yet, by its clock"));
  EXPECT_THAT(refused_, AllOf(HasSubstr("not valid before 20"), HasSubstr("the clock here says 20"),
                              HasSubstr("compare the clocks")));
  EXPECT_THAT(dial_with(*load("north", PeerRole::kSite), "elsewhere.example"),
              AllOf(HasSubstr("'elsewhere.example' was dialled"), HasSubstr("DNS:hub"),
                    HasSubstr("IP Address:10.1.2.3"), HasSubstr("server_name")));
  EXPECT_THAT(dial_with(*load("north", PeerRole::kSite), "127.0.0.1"),
              HasSubstr("'127.0.0.1' was dialled"));
  EXPECT_EQ(dial_with(*load("north", PeerRole::kSite), "10.1.2.3"), "");
}

TEST_F(Trust, AStrangersCaIsNamed) {
  const auto other = *make_ca("elsewhere", KeyKind::kP256, 10);
  listen(*load("hub", PeerRole::kCoordinator));
  issue(other, {"guest", "site", {}, KeyKind::kP256, 10});
  EXPECT_THAT(dial_with(*TlsContext::load(
                  {directory_ / "guest.pem", directory_ / "guest.key", directory_ / "ca.pem"},
                  TlsContext::Side::kClient)),
              HasSubstr("not from its CA"));
  EXPECT_THAT(refused_, AllOf(HasSubstr("not from our CA"), HasSubstr("'elsewhere root'")));
}

TEST_F(Trust, AKeyThatOthersCanReachIsRefused) {
  for (const mode_t mode : {0644u, 0640u, 0601u}) {
    ::chmod((directory_ / "north.key").c_str(), mode);
    EXPECT_THAT(load("north", PeerRole::kSite).error().message,
                AllOf(HasSubstr("north.key can be reached by others"), HasSubstr("chmod 600")))
        << mode;
  }
  ::chmod((directory_ / "north.key").c_str(), 0400);
  EXPECT_TRUE(load("north", PeerRole::kSite));
}

TEST_F(Trust, ANewContextEndsTheLinksOfThoseWhoWereRevokedAndNoOthers) {
  const std::string north = issue(sites_, {"north", "site", {}, KeyKind::kP256, 10});
  issue(sites_, {"south", "site", {}, KeyKind::kP256, 10});
  listen(*load("hub", PeerRole::kCoordinator, "crl.pem"));
  ASSERT_EQ(dial_with(*load("north", PeerRole::kSite)), "");
  ASSERT_EQ(dial_with(*load("south", PeerRole::kSite)), "");
  run_until([&] { return links_.size() == 4; });
  issue(services_, {"hub", "coordinator", {}, KeyKind::kP256, 10});  // with a new key
  listener_->renew(*load("hub", PeerRole::kCoordinator, "crl.pem"));
  EXPECT_EQ(refused_, "");
  write("crl.pem", lists({north}, kDay));
  listener_->renew(*load("hub", PeerRole::kCoordinator, "crl.pem"));
  EXPECT_THAT(refused_, HasSubstr("was revoked"));
  run_until([&] { return ends_.size() == 2; });
  EXPECT_THAT(handler_.goodbyes, testing::ElementsAre(HasSubstr("was revoked")));
  EXPECT_EQ(dial_with(*load("south", PeerRole::kSite)), "");
  EXPECT_NE(dial_with(*load("north", PeerRole::kSite)), "");
}

}  // namespace
}  // namespace tributary

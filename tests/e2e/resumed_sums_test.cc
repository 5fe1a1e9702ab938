// SPDX-License-Identifier: Apache-2.0
// The coordinator is killed when the sites have agreed on who is in a secure sum, or have told
// their shares, and one of them stays away from then on: a sum of the others would tell what that
// one gave, so each of them refuses it. The sum that was begun is made, of all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <ctime>
#include <thread>

#include "common/config/job_file.h"
#include "common/crypto/digest.h"
#include "common/crypto/secure_random.h"
#include "common/privacy/secagg/sum_client.h"
#include "common/privacy/secagg/sum_plan.h"
#include "common/storage/blob_store.h"
#include "common/tensor/safetensors.h"
#include "common/transfer/blob_transfers.h"
#include "common/transport/dialer.h"
#include "common/transport/handshake.h"
#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

constexpr int kSites = 4;  // that live, beside the one that goes
constexpr std::uint64_t kRows = 7;

// A site that takes part well up to a message, which it gets and never answers.
class LastHeard final : public LinkHandler {
 public:
  using Holds = bool (*)(const SumRequestBody& body);

  LastHeard(const FederationFiles& federation, std::string site, Holds holds)
      : federation_(federation),
        site_(std::move(site)),
        holds_(holds),
        blobs_(*BlobStore::open(*files_, federation.path("last_heard"))),
        signer_(
            *Signer::make(federation_.read(stem() + ".pem"), federation_.read(stem() + ".key"))),
        trust_{federation_.read(federation_.path("pki/ca.pem"))},
        notary_(&signer_, trust_, [] { return std::time(nullptr); }),
        thread_([this] {
          asio::co_spawn(io_, live(this), asio::detached);
          io_.run();
        }) {}
  ~LastHeard() override { io_.stop(); }
  bool has_held() const { return held_; }

  Status on_message(const Message& message) override {
    if (BlobTransfers::is_mine(message)) return transfers_->on_message(message);
    if (const auto* request = std::get_if<SumRequest>(&message)) return on_request(request->body);
    const auto* offer = std::get_if<TaskOffer>(&message);
    if (offer == nullptr) return {};
    const Task& task = offer->task;
    if (task.key.kind == TaskKind::kPrepare)
      return link_->send(TaskResult{
          task.key,
          PrepareResult{
              {.training_rows = 1, .validation_rows = 1, .numeric = {}, .categories = {}}}});
    if (task.key.kind == TaskKind::kInitialize)
      return link_->send(
          TaskResult{task.key, InitializeResult{{sha256(as_bytes("no model of mine")), 16}}});
    training_ = task;
    return transfers_->fetch(task.model);
  }
  Status on_chunk(std::uint32_t stream, Chunk chunk) override {
    return transfers_->on_chunk(stream, std::move(chunk));
  }

 private:
  std::string stem() const { return federation_.path("pki/" + site_); }
  static asio::awaitable<void> live(LastHeard* self) {
    DialTarget target{"127.0.0.1", static_cast<std::uint16_t>(self->federation_.port()),
                      "coordinator"};
    Hello hello;
    hello.software = "last-heard";
    hello.datasets = {"patients"};
    const auto context = *TlsContext::load(
        {self->stem() + ".pem", self->stem() + ".key", self->federation_.path("pki/ca.pem")},
        TlsContext::Side::kClient);
    const Result<Dialed> dialed = co_await dial(target, context, hello);
    if (!dialed || !std::holds_alternative<DialedLink>(*dialed)) co_return;
    self->link_ = std::get<DialedLink>(*dialed).link;
    self->transfers_.emplace(
        *self->blobs_, *self->link_,
        [self](const Digest& digest) { return self->blobs_->open_blob(digest); },
        [self](const BlobRef& blob, const Status&) { self->trained(blob); });
    const Error why = co_await self->link_->run(*self);
    static_cast<void>(why);
  }
  // An update of zeros.
  void trained(const BlobRef& global) {
    values_ = decode_safetensors(*blobs_->read(global.digest))->values.size();
    spec_ = parse_job(training_.document, "job")->spec;
    const SumContext context = sum_context(
        spec_, training_.key, sha256(as_bytes(training_.document)), global.digest, values_);
    client_.emplace(*SumClient::make(context, SiteName{site_}, {}, notary_, random_));
    static_cast<void>(link_->send(TaskResult{training_.key, TrainResult{}}).has_value());
    static_cast<void>(link_->send(SumAnswer{training_.key, client_->keys()}).has_value());
  }
  Status on_request(const SumRequestBody& body) {
    if (holds_(body)) {
      held_ = true;
      return {};
    }
    SumStep step = client_->handle(body);
    if (step.input_due) step = client_->give_input(masked());
    for (const SumAnswerBody& answer : step.answers)
      TRIB_CHECK_OK(link_->send(SumAnswer{training_.key, answer}));
    return {};
  }
  BlobRef masked() {
    const SumCoding coding = sum_coding(spec_, client_->members());
    const SumWeight weight = sum_weight(spec_, kRows);
    CodedUpdate coded = *code_update(coding, std::vector<float>(values_), weight.share, random_);
    std::vector<std::uint64_t> wide = wide_numbers({weight.weight, kRows, 0, 0, 0, 0});
    wide.resize(sum_context(spec_, training_.key, {}, {}, values_).wide, 0);
    apply_masks(client_->masks(SumPart::kNumbers), coding.bits, 0, coded.numbers);
    apply_masks(client_->masks(SumPart::kWide), 0, wide);
    const Bytes packed = pack_input(coded.numbers, coding.bits, wide);
    return {*blobs_->put(packed), packed.size()};
  }

  const FederationFiles& federation_;
  std::string site_;
  Holds holds_;
  std::unique_ptr<FileSystem> files_ = make_file_system();
  std::unique_ptr<BlobStore> blobs_;
  Signer signer_;
  Trust trust_;
  CertificateNotary notary_;
  SecureRandom random_;
  asio::io_context io_{1};
  std::shared_ptr<FrameLink> link_;
  std::optional<BlobTransfers> transfers_;
  Task training_;
  JobSpec spec_;
  std::size_t values_ = 0;
  std::optional<SumClient> client_;
  std::atomic<bool> held_ = false;
  std::jthread thread_;
};

std::string secret_job(const FederationFiles& federation) {
  const std::string file = federation.write_job(
      "{batch_size: 16, optimizer: {name: sgd, learning_rate: 0.1}}",
      "{count: 2, minimum_sites: 4, quorum: 3, deadline: 60s, disconnect_grace: 5s, attempts: 3}");
  std::string text = FederationFiles::read(file);
  const auto replace = [&text](const std::string& what, const std::string& by) {
    text.replace(text.find(what), what.size(), by);
  };
  replace("type: categorical", "type: categorical, values: [elective, emergency, transfer]");
  replace("missing: mean", "missing: mean\n  standardize: site");
  text += "aggregate: {example_cap: 1000}\nprivacy: {secure_aggregation: {clip: 100, step: 15s}}\n";
  FederationFiles::write(file, text);
  return file;
}

// Whether each of the sites that live has said its part.
bool all_agreed(const FederationFiles& federation) {
  for (int site = 1; site <= kSites; ++site) {
    const std::string kept =
        federation.path("state-hospital-" + std::to_string(site) + "/sums/past.json");
    if (FederationFiles::read(kept).find("\"survivors\"") == std::string::npos) return false;
  }
  return true;
}
bool all_revealed(const FederationFiles& federation) {
  for (int site = 1; site <= kSites; ++site) {
    if (federation.client_events(site, "sum.revealed").empty()) return false;
  }
  return true;
}

struct Moment {
  const char* name;
  LastHeard::Holds holds;
  bool (*reached)(const FederationFiles& federation);
};

class ResumedSums : public testing::TestWithParam<Moment> {};

TEST_P(ResumedSums, AreOfTheSitesThatAgreedThoughOneOfThemStaysAway) {
  FederationFiles federation(kSites + 1);
  federation.start_coordinator();
  std::optional<LastHeard> goes(std::in_place, federation, "hospital-5", GetParam().holds);
  ASSERT_TRUE(federation.wait_for("site.connected", {{"site", "hospital-5"}})) << federation.logs();
  for (int site = 1; site <= kSites; ++site) federation.start_client(site);
  ASSERT_TRUE(federation.wait_for("site.connected", {}, kSites + 1)) << federation.logs();
  const std::string id = federation.submit(secret_job(federation));
  const auto reached = [&] { return goes->has_held() && GetParam().reached(federation); };
  ASSERT_TRUE(federation.wait_for_that(reached)) << federation.logs();
  ASSERT_TRUE(federation.kill_coordinator());
  goes.reset();
  federation.start_coordinator();
  ASSERT_TRUE(federation.wait_for_end()) << federation.logs();

  ASSERT_EQ(federation.events("job.finished", {{"job", id}}).size(), 1u) << federation.logs();
  EXPECT_EQ(federation.events("sum.resumed", {{"job", id}}).size(), 1u);
  EXPECT_TRUE(federation.events("round.retried", {{"job", id}}).empty());
  const auto sums = federation.events("sum.made", {{"job", id}, {"task", "train"}});
  ASSERT_EQ(sums.size(), 2u) << federation.logs();
  EXPECT_EQ(sums[0]["examples"].get<std::uint64_t>(),
            sums[1]["examples"].get<std::uint64_t>() + kRows)
      << "what the one that went had given is in the sum";
  for (int site = 1; site <= kSites; ++site) {
    EXPECT_TRUE(federation.client_events(site, "sum.aborted").empty()) << federation.logs();
    EXPECT_EQ(federation.client_events(site, "training.finished", {{"round", "1"}}).size(), 1u);
    EXPECT_EQ(
        federation.client_events(site, "sum.revealed", {{"round", "1"}, {"task", "train"}}).size(),
        1u);
  }
  std::string output;
  ASSERT_EQ(federation.ctl({"job", "show", id, "--json"}, &output), 0);
  bool named = false;
  const Json shown = Json::parse(output);
  for (const Json& round : shown["rounds"]) {
    if (round["round"] != 1 || round["task"] != "train") continue;
    for (const Json& site : round["participants"])
      named = named || (site["site"] == "hospital-5" && site["reason"] == "accepted");
  }
  EXPECT_TRUE(named) << output;
}

INSTANTIATE_TEST_SUITE_P(When, ResumedSums,
                         testing::Values(Moment{"TheyAgreed",
                                                [](const SumRequestBody& body) {
                                                  return std::holds_alternative<SumSurvivors>(body);
                                                },
                                                all_agreed},
                                         Moment{"TheyRevealed",
                                                [](const SumRequestBody& body) {
                                                  return std::holds_alternative<SumAgreements>(
                                                      body);
                                                },
                                                all_revealed}),
                         [](const auto& moment) { return std::string(moment.param.name); });

}  // namespace
}  // namespace tributary

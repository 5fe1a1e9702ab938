// SPDX-License-Identifier: Apache-2.0
// Sites with a valid certificate that lie: each lie is named in the log, costs the liar its part in
// the round and nobody else anything.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <thread>

#include "common/base/version.h"
#include "common/crypto/digest.h"
#include "common/storage/blob_store.h"
#include "common/tensor/safetensors.h"
#include "common/transfer/blob_transfers.h"
#include "common/transport/dialer.h"
#include "common/transport/handshake.h"
#include "common/wire/frame_codec.h"
#include "common/wire/message_codec.h"
#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

std::shared_ptr<TlsContext> context_of(const FederationFiles& federation, const std::string& site) {
  const std::string stem = federation.path("pki/" + site);
  return *TlsContext::load({stem + ".pem", stem + ".key", federation.path("pki/ca.pem")},
                           TlsContext::Side::kClient);
}

// A site that speaks the protocol well and says what it likes: one answer for each training round.
class Liar final : public LinkHandler {
 public:
  // Makes the update of its round out of the global model.
  using Lie = std::function<TrainResult(const Model& global, BlobStore& blobs)>;

  Liar(const FederationFiles& federation, std::string site, std::map<RoundNumber, Lie> lies)
      : federation_(federation),
        site_(std::move(site)),
        lies_(std::move(lies)),
        blobs_(*BlobStore::open(*files_, federation.path("liar"))),
        thread_([this] {
          asio::co_spawn(io_, live(this), asio::detached);
          io_.run();
        }) {}
  ~Liar() override { io_.stop(); }

  Status on_message(const Message& message) override {
    if (BlobTransfers::is_mine(message)) return transfers_->on_message(message);
    const auto* offer = std::get_if<TaskOffer>(&message);
    if (offer == nullptr) return {};
    const Task& task = offer->task;
    switch (task.key.kind) {
      case TaskKind::kPrepare:
        return link_->send(TaskResult{
            task.key,
            PrepareResult{
                {.training_rows = 50, .validation_rows = 5, .numeric = {}, .categories = {}}}});
      case TaskKind::kInitialize:
        return link_->send(
            TaskResult{task.key, InitializeResult{{sha256(as_bytes("no model of mine")), 16}}});
      case TaskKind::kTrain:
        training_ = task;
        return transfers_->fetch(task.model);
      case TaskKind::kEvaluate:  // more correct than there are
        return link_->send(TaskResult{task.key, EvaluateResult{{.examples = 5,
                                                                .loss_units = 0,
                                                                .correct = 7,
                                                                .classes = {},
                                                                .positives = {},
                                                                .negatives = {}}}});
    }
    return {};
  }
  Status on_chunk(std::uint32_t stream, Chunk chunk) override {
    return transfers_->on_chunk(stream, std::move(chunk));
  }

 private:
  static asio::awaitable<void> live(Liar* self) {
    DialTarget target{"127.0.0.1", static_cast<std::uint16_t>(self->federation_.port()),
                      "coordinator"};
    Hello hello;
    hello.software = "liar";
    hello.datasets = {"patients"};
    const auto context = context_of(self->federation_, self->site_);
    const Result<Dialed> dialed = co_await dial(target, context, hello);
    if (!dialed || !std::holds_alternative<DialedLink>(*dialed)) co_return;
    self->link_ = std::get<DialedLink>(*dialed).link;
    self->transfers_.emplace(
        *self->blobs_, *self->link_,
        [self](const Digest& digest) { return self->blobs_->open_blob(digest); },
        [self](const BlobRef& blob, const Status&) { self->answer(blob); });
    const Error why = co_await self->link_->run(*self);
    static_cast<void>(why);
  }
  void answer(const BlobRef& global) {
    const Model model = *decode_safetensors(*blobs_->read(global.digest));
    const auto lie = lies_.find(training_.key.round);
    if (lie == lies_.end()) return;  // silent
    static_cast<void>(
        link_->send(TaskResult{training_.key, lie->second(model, *blobs_)}).has_value());
  }

  const FederationFiles& federation_;
  std::string site_;
  std::map<RoundNumber, Lie> lies_;
  std::unique_ptr<FileSystem> files_ = make_file_system();
  std::unique_ptr<BlobStore> blobs_;
  asio::io_context io_{1};
  std::shared_ptr<FrameLink> link_;
  std::optional<BlobTransfers> transfers_;
  Task training_;
  std::jthread thread_;
};

TrainResult deliver(const Model& update, std::uint64_t examples, BlobStore& blobs) {
  const Bytes bytes = encode_safetensors(update);
  return {{*blobs.put(bytes), bytes.size()}, examples, 0.5, 1.0, 0.1};
}

std::map<RoundNumber, Liar::Lie> lies_by_round() {
  return {
      {1,
       [](Model update, BlobStore& blobs) {
         update.values[7] = std::numeric_limits<float>::quiet_NaN();
         return deliver(update, 50, blobs);
       }},
      {2,
       [](Model update, BlobStore& blobs) {
         update.values[0] = 1e30F;
         return deliver(update, 50, blobs);
       }},
      {3,
       [](const Model&, BlobStore& blobs) {
         return deliver(Model{Layout{{{"one", {1}}}}, {1.0F}}, 50, blobs);
       }},
      {4,
       [](const Model&, BlobStore& blobs) {
         const std::string text = "this is no safetensors file";
         return TrainResult{{*blobs.put(as_bytes(text)), text.size()}, 50, 0.5, 1.0, 0.1};
       }},
      {5,
       [](const Model& update, BlobStore& blobs) {  // a billion patients
         return deliver(update, 1'000'000'000'000'000'000ULL, blobs);
       }},
      {6,
       [](Model update, BlobStore& blobs) {  // other bytes than announced
         update.values[0] += 0.25F;
         TrainResult result = deliver(update, 50, blobs);
         FederationFiles::write(blobs.path(result.update.digest),
                                std::string(result.update.bytes, 'x'));
         return result;
       }},
      {7,
       [](const Model&, BlobStore&) {  // a size that the grammar does not allow
         return TrainResult{{sha256(as_bytes("large")), 1ULL << 60}, 50, 0.5, 1.0, 0.1};
       }},
  };
}

TEST(LyingSites, EachLieIsNamedAndTheRoundGoesOn) {
  FederationFiles federation(3);
  federation.start_coordinator();
  const Liar liar(federation, "hospital-3", lies_by_round());
  for (int site = 1; site <= 2; ++site) federation.start_client(site);
  federation.submit(
      federation.write_job("{epochs: 1, batch_size: 8}",
                           "{count: 7, minimum_sites: 3, quorum: 2, disconnect_grace: 2s}"));
  ASSERT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  std::map<std::string, std::string> reasons;
  for (const Json& outcome :
       federation.events("client.outcome", {{"site", "hospital-3"}, {"task", "train"}}))
    reasons[outcome["round"].dump()] += outcome["reason"].get<std::string>();
  EXPECT_EQ(reasons["1"], "not_finite");
  EXPECT_EQ(reasons["2"], "out_of_bounds");
  EXPECT_EQ(reasons["3"], "wrong_shape");
  EXPECT_EQ(reasons["4"], "malformed");
  EXPECT_EQ(reasons["5"], "out_of_bounds");
  EXPECT_EQ(reasons["6"], "wrong_digest");
  EXPECT_EQ(reasons["7"], "disconnected");
  EXPECT_TRUE(
      federation.wait_for("site.disconnected", {{"site", "hospital-3"}, {"code", "protocol"}}));
  EXPECT_EQ(federation
                .events("client.outcome",
                        {{"site", "hospital-3"}, {"task", "evaluate"}, {"reason", "malformed"}})
                .size(),
            6u)
      << "in each round but that of its disconnection";
  EXPECT_EQ(federation.events("client.outcome", {{"task", "train"}, {"reason", "accepted"}}).size(),
            14u)
      << "the two others, in each round";
}

asio::awaitable<void> send_raw(const FederationFiles& federation, Bytes bytes) {
  const auto executor = co_await asio::this_coro::executor;
  Socket socket(executor);
  boost::system::error_code error;
  socket.connect({asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(federation.port())},
                 error);
  const auto context = context_of(federation, "hospital-2");
  const std::string name = "coordinator";
  std::unique_ptr<TlsStream> stream = *TlsStream::make(std::move(socket), *context, name);
  const Result<PeerIdentity> peer = co_await stream->handshake();
  EXPECT_TRUE(peer.has_value());
  Hello hello;
  hello.software = "raw";
  hello.protocol_min = hello.protocol_max = kProtocolVersion;
  const Bytes payload = *encode_message(hello);
  const auto header =
      encode_frame_header({static_cast<std::uint32_t>(payload.size()), FrameKind::kControl, 0});
  Bytes all(header.begin(), header.end());
  all.insert(all.end(), payload.begin(), payload.end());
  all.insert(all.end(), bytes.begin(), bytes.end());
  const ByteView view = all;
  const Status sent = co_await stream->write(view);
  EXPECT_TRUE(sent.has_value());
  Bytes answer(4096);
  const MutableByteView room = answer;
  for (int i = 0; i < 1000; ++i) {  // until the coordinator hangs up
    const Result<std::size_t> got = co_await stream->read_some(room);
    if (!got) co_return;
  }
  ADD_FAILURE() << "the coordinator did not hang up";
}

TEST(LyingSites, BrokenFramesCloseTheirLinkOnly) {
  FederationFiles federation(2);
  federation.start_coordinator();
  federation.start_client(1);
  const std::string job = federation.submit(
      federation.write_job("{epochs: 1, batch_size: 8}", "{count: 2, minimum_sites: 1}"));
  const auto frame = [](std::uint32_t size, std::uint32_t stream, FrameKind kind,
                        std::string_view text) {
    const auto header = encode_frame_header({size, kind, stream});
    Bytes bytes(header.begin(), header.end());
    const ByteView view = as_bytes(text);
    bytes.insert(bytes.end(), view.begin(), view.end());
    return bytes;
  };
  const std::vector<Bytes> broken = {
      frame(0xffffffffu, 0, FrameKind::kControl, ""),            // 4 GiB to come
      frame(0xffffffffu, 1, FrameKind::kChunk, ""),              // the same as a chunk
      frame(3, 0, static_cast<FrameKind>(9), "abc"),             // no such kind
      frame(5, 0, FrameKind::kControl, "\xff\xff\xff\xff\xff"),  // no Protobuf
      frame(0, 0, FrameKind::kControl, ""),                      // a message of nothing
      Bytes(5000, std::byte{0xa5}),
  };
  for (std::size_t i = 0; i < broken.size(); ++i) {
    asio::io_context io;
    asio::co_spawn(io, send_raw(federation, broken[i]), asio::detached);
    io.run_for(std::chrono::seconds(30));
    EXPECT_TRUE(federation.wait_for("site.disconnected",
                                    {{"site", "hospital-2"}, {"code", "protocol"}}, i + 1))
        << i << "\n"
        << federation.logs();
  }
  EXPECT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  EXPECT_TRUE(federation.events("site.disconnected", {{"site", "hospital-1"}}).empty());
}

}  // namespace
}  // namespace tributary

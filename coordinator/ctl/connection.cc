// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/connection.h"

#include <cstdlib>
#include <filesystem>

#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/transport/spawn.h"
#include "coordinator/ctl/bearer.h"
#include "coordinator/ctl/interrupt.h"

namespace tributary {
namespace {

// A signal waits no longer than this for its effect.
constexpr std::chrono::milliseconds kSlice{100};

asio::awaitable<void> dial_into(DialTarget target, std::shared_ptr<TlsContext> context,
                                std::string bearer, std::optional<Result<Dialed>>* out) {
  Hello hello;
  hello.bearer = std::move(bearer);
  hello.software = kSoftware;
  Result<Dialed> dialed = co_await dial(target, context, hello);
  *out = std::move(dialed);
}

asio::awaitable<void> run_into(std::shared_ptr<FrameLink> link, LinkHandler* handler,
                               std::optional<Error>* out) {
  const Error ended = co_await link->run(*handler);
  *out = ended;
}

Error was_interrupted() { return make_error(ErrorCode::kCancelled, "interrupted"); }

}  // namespace

template <typename Done>
void Connection::run_until(Done done) {
  while (!done() && interrupted() == 0) io_.run_one_for(kSlice);
}

Error Connection::end_reason() const { return ended_ ? *ended_ : was_interrupted(); }

Result<std::unique_ptr<Connection>> Connection::open(const OperatorConfig& config) {
  std::unique_ptr<Connection> self(new Connection(config));
  const bool by_token = config.tls.certificate.empty();
  TRIB_TRY(context, by_token ? TlsContext::load_guest(config.tls)
                             : TlsContext::load_as(PeerRole::kOperator, config.tls));
  std::string bearer;
  if (by_token) {
    TRIB_TRY(token, read_bearer(config));
    bearer = std::move(token);
  }
  std::string pattern =
      (std::filesystem::temp_directory_path() / "tributaryctl-").string() + std::string(6, 'X');
  if (::mkdtemp(pattern.data()) == nullptr) {
    return make_error(ErrorCode::kIo, system_error(errno, "make the folder " + pattern).message);
  }
  self->spool_ = pattern;
  self->files_ = make_file_system();
  TRIB_TRY(blobs, BlobStore::open(*self->files_, self->spool_));
  self->blobs_ = std::move(blobs);
  const DialTarget target{config.coordinator.host, config.coordinator.port, config.server_name};
  std::optional<Result<Dialed>> dialed;
  spawn(self->io_, dial_into(target, context, std::move(bearer), &dialed));
  self->run_until([&] { return dialed.has_value(); });
  if (!dialed) return was_interrupted();
  const std::string coordinator = "coordinator " + to_string(config.coordinator);
  if (!*dialed) return std::move(*dialed).error().with_context(coordinator);
  if (const auto* goodbye = std::get_if<Goodbye>(&**dialed)) {
    return make_error(goodbye->code, "the coordinator said goodbye: " + goodbye->message)
        .with_context(coordinator);
  }
  self->link_ = std::get<DialedLink>(**dialed).link;
  self->transfers_.emplace(
      *self->blobs_, *self->link_,
      [raw = self.get()](const Digest& digest) { return raw->open_offered(digest); },
      [raw = self.get()](const BlobRef&, const Status& outcome) { raw->fetched_ = outcome; });
  spawn(self->io_, run_into(self->link_, self.get(), &self->ended_));
  return self;
}

Connection::~Connection() {
  if (link_ && !ended_) {
    link_->close(make_error(ErrorCode::kCancelled, "done"));
    // Until its last words are out, and no longer: timers of the link may still be due.
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    while (!ended_ && io_.run_one_until(until) > 0) continue;
  }
  std::error_code ignored;
  if (!spool_.empty()) std::filesystem::remove_all(spool_, ignored);
}

Status Connection::on_message(const Message& message) {
  if (BlobTransfers::is_mine(message)) return transfers_->on_message(message);
  if (const auto* goodbye = std::get_if<Goodbye>(&message))
    return make_error(goodbye->code, goodbye->message);
  received_.push_back(message);
  return {};
}

Status Connection::on_chunk(std::uint32_t stream, Chunk chunk) {
  return transfers_->on_chunk(stream, std::move(chunk));
}

Result<std::unique_ptr<ReadFile>> Connection::open_offered(const Digest& digest) const {
  if (!offered_.contains(digest))
    return make_error(ErrorCode::kPermissionDenied, "not offered in this command");
  return blobs_->open_blob(digest);
}

Result<Message> Connection::request(const Message& message) {
  TRIB_CHECK_OK(link_->send(message));
  run_until([&] { return !received_.empty() || ended_; });
  if (received_.empty()) return end_reason();
  Message reply = std::move(received_.front());
  received_.pop_front();
  if (const auto* failed = std::get_if<RequestFailed>(&reply))
    return make_error(failed->code, failed->message);
  return reply;
}

Result<std::optional<Message>> Connection::next(std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  run_until(
      [&] { return !received_.empty() || ended_ || std::chrono::steady_clock::now() >= until; });
  if (!received_.empty()) {
    std::optional<Message> message = std::move(received_.front());
    received_.pop_front();
    return message;
  }
  if (ended_ || interrupted() != 0) return end_reason();
  return std::optional<Message>{};
}

Result<Bytes> Connection::fetch(const BlobRef& blob) {
  fetched_.reset();
  TRIB_CHECK_OK(transfers_->fetch(blob));
  run_until([&] { return fetched_ || ended_; });
  if (!fetched_) return end_reason();
  TRIB_CHECK_OK(*fetched_);
  return blobs_->read(blob.digest);
}

Result<BlobRef> Connection::offer(ByteView bytes) {
  TRIB_TRY(digest, blobs_->put(bytes));
  offered_.insert(digest);
  return BlobRef{digest, bytes.size()};
}

}  // namespace tributary

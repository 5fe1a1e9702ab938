// SPDX-License-Identifier: Apache-2.0
#include "common/transport/frame_link.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/transport/spawn.h"
#include "common/wire/message_codec.h"

namespace tributary {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Every idle link keeps so much.
constexpr std::size_t kReadAhead = 2u << 10;
// Of control frames that wait for one peer: eight of the largest.
constexpr std::size_t kControlWaitingMax = 8 * limits::kControlBytesMax;
constexpr std::size_t kControlTogether = 16u << 10;  // one TLS record
constexpr milliseconds kFarewell{2'000};

Bytes frame(FrameKind kind, std::uint32_t stream, ByteView payload) {
  const auto header =
      encode_frame_header({static_cast<std::uint32_t>(payload.size()), kind, stream});
  Bytes bytes(header.begin(), header.end());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

}  // namespace

FrameLink::FrameLink(std::unique_ptr<TlsStream> stream, PeerIdentity peer)
    : stream_(std::move(stream)),
      peer_(std::move(peer)),
      wake_(stream_->executor()),
      beat_(stream_->executor()),
      resume_(stream_->executor()),
      received_(kReadAhead),
      last_sign_(steady_clock::now()) {}

std::shared_ptr<FrameLink> FrameLink::start(std::unique_ptr<TlsStream> stream, PeerIdentity peer) {
  std::shared_ptr<FrameLink> link(new FrameLink(std::move(stream), std::move(peer)));
  const auto executor = link->stream_->executor();
  const auto write = [](std::shared_ptr<FrameLink> self) -> asio::awaitable<void> {
    co_await self->write_loop();
  };
  spawn(executor, write(link));
  return link;
}

Status FrameLink::send(const Message& message) {
  if (ended_ || closing_) return make_error(ErrorCode::kUnavailable, "the link is closed");
  if (control_.size() >= limits::kControlQueueMax || control_bytes_ >= kControlWaitingMax) {
    end(make_error(ErrorCode::kResourceExhausted, "the peer does not read what is sent to it"));
    return *ended_;
  }
  TRIB_TRY(payload, encode_message(message));
  control_.push_back(frame(FrameKind::kControl, 0, payload));
  control_bytes_ += control_.back().size();
  wake();
  return {};
}

void FrameLink::add_source(std::uint32_t stream, ChunkSource source) {
  if (ended_ || closing_) return;  // nothing comes after a Goodbye
  sources_.push_back({stream, std::move(source)});
  wake();
}

void FrameLink::remove_source(std::uint32_t stream) {
  std::erase_if(sources_, [stream](const Source& source) { return source.stream == stream; });
}

// Small messages travel together.
Bytes FrameLink::next_control() {
  Bytes bytes = std::move(control_.front());
  control_.pop_front();
  while (!control_.empty() && bytes.size() + control_.front().size() <= kControlTogether) {
    bytes.insert(bytes.end(), control_.front().begin(), control_.front().end());
    control_.pop_front();
  }
  control_bytes_ -= bytes.size();
  return bytes;
}

// Control first; then one chunk of the source whose turn it is. Empty: nothing to write.
Result<FrameLink::Outgoing> FrameLink::next_frame() {
  Outgoing next;
  if (!control_.empty()) {
    next.control = next_control();
    next.bytes = next.control;
    return next;
  }
  while (!sources_.empty()) {
    Source source = std::move(sources_.front());
    sources_.pop_front();
    Chunk chunk = Chunk::take(Chunk::kUsualBytes);
    TRIB_TRY(size, source.next(chunk.room()));
    if (size == 0) continue;
    chunk.resize(size);
    next.bytes = encode_frame(chunk, source.stream);
    next.chunk = std::move(chunk);
    if (!closing_) sources_.push_back(std::move(source));  // the source may have closed the link
    return next;
  }
  return next;
}

asio::awaitable<void> FrameLink::write_loop() {
  while (!ended_) {
    const Result<Outgoing> next = next_frame();
    if (!next) {
      end(next.error());
      break;
    }
    if (!next->bytes.empty()) {
      const ByteView view = next->bytes;
      const Status written = co_await stream_->write(view);
      if (!written) end(written.error());
      continue;
    }
    if (closing_) break;
    wake_.expires_at(steady_clock::time_point::max());
    boost::system::error_code woken;
    auto token = asio::redirect_error(asio::use_awaitable, woken);
    co_await wake_.async_wait(token);
  }
  stream_->close();
  beat_.cancel();
}

asio::awaitable<Status> FrameLink::read_exact(MutableByteView into) {
  while (!into.empty()) {
    if (taken_ < filled_) {
      const std::size_t size = std::min(into.size(), filled_ - taken_);
      std::memcpy(into.data(), received_.data() + taken_, size);
      taken_ += size;
      into = into.subspan(size);
      continue;
    }
    // Large payloads are read in place, the rest ahead.
    const bool in_place = into.size() >= kReadAhead;
    const MutableByteView room = in_place ? into : MutableByteView(received_);
    const Result<std::size_t> got = co_await stream_->read_some(room);
    if (!got) co_return got.error();
    last_sign_ = steady_clock::now();
    if (in_place) {
      into = into.subspan(*got);
    } else {
      taken_ = 0;
      filled_ = *got;
    }
  }
  co_return Status{};
}

asio::awaitable<Result<FrameHeader>> FrameLink::read_header() {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  const MutableByteView view = bytes;
  const Status read = co_await read_exact(view);
  if (!read) co_return read.error();
  co_return decode_frame_header(bytes);
}

// A message into message_, a chunk to the handler.
asio::awaitable<Status> FrameLink::read_payload(FrameHeader header, LinkHandler* handler) {
  if (header.kind == FrameKind::kControl) {
    message_.resize(header.payload_bytes);
    const MutableByteView view = message_;
    const Status read = co_await read_exact(view);
    co_return read;
  }
  Chunk chunk = Chunk::take(header.payload_bytes);
  chunk.resize(header.payload_bytes);
  const MutableByteView view = chunk.room();
  const Status read = co_await read_exact(view);
  if (!read || ended_ || closing_) co_return read;
  const Status taken = handler->on_chunk(header.stream, std::move(chunk));
  if (!taken) close(taken.error());
  co_return Status{};
}

asio::awaitable<Result<Message>> FrameLink::receive() {
  const Result<FrameHeader> header = co_await read_header();
  if (!header) co_return ended_ ? *ended_ : header.error();
  if (header->kind != FrameKind::kControl)
    co_return make_error(ErrorCode::kProtocol, "a chunk before the first message");
  const FrameHeader found = *header;
  const Status read = co_await read_payload(found, nullptr);
  if (!read) co_return ended_ ? *ended_ : read.error();
  co_return decode_message(message_);
}

Status FrameLink::take_message(ByteView payload, LinkHandler& handler) {
  TRIB_TRY(message, decode_message(payload));
  if (const auto* beat = std::get_if<Heartbeat>(&message)) {
    return beat->reply ? Status{} : send(Heartbeat{beat->sequence, true});
  }
  return handler.on_message(message);
}

asio::awaitable<Error> FrameLink::run(LinkHandler& handler) {
  const auto self = shared_from_this();
  const auto executor = stream_->executor();
  const auto beat = [](std::shared_ptr<FrameLink> link) -> asio::awaitable<void> {
    co_await link->heartbeat_loop();
  };
  spawn(executor, beat(self));
  while (!ended_) {
    const Result<FrameHeader> header = co_await read_header();
    if (ended_) break;
    if (!header) {
      end(header.error());
      break;
    }
    const FrameHeader found = *header;
    const Status read = co_await read_payload(found, &handler);
    if (ended_) break;
    if (!read) {
      end(read.error());
      break;
    }
    if (found.kind == FrameKind::kControl && !closing_) {
      const Status taken = take_message(message_, handler);
      if (!taken) close(taken.error());
      if (message_.capacity() > kReadAhead) message_ = {};
    }
    if (paused_) co_await while_paused();
  }
  co_return *ended_;
}

asio::awaitable<void> FrameLink::while_paused() {
  while (paused_ && !ended_) {
    resume_.expires_at(steady_clock::time_point::max());
    boost::system::error_code woken;
    auto token = asio::redirect_error(asio::use_awaitable, woken);
    co_await resume_.async_wait(token);
  }
}

void FrameLink::resume_reading() {
  paused_ = false;
  last_sign_ = steady_clock::now();
  resume_.cancel();
}

asio::awaitable<void> FrameLink::heartbeat_loop() {
  while (!ended_ && !closing_) {
    beat_.expires_after(milliseconds(limits::kHeartbeatMs));
    boost::system::error_code woken;
    auto token = asio::redirect_error(asio::use_awaitable, woken);
    co_await beat_.async_wait(token);
    if (ended_ || closing_) break;
    // Whoever does not read hears nothing.
    if (!paused_ && steady_clock::now() - last_sign_ > milliseconds(limits::kSilenceMs)) {
      end(make_error(ErrorCode::kDeadlineExceeded,
                     "no sign of life for " + std::to_string(limits::kSilenceMs / 1000) + " s"));
      break;
    }
    static_cast<void>(send(Heartbeat{++beats_, false}).has_value());
  }
}

void FrameLink::close(Error why, std::int64_t retry_after_ms) {
  if (ended_ || closing_) return;
  std::string message(cut_utf8(why.message, limits::kLogValueBytesMax));
  static_cast<void>(send(Goodbye{why.code, std::move(message), retry_after_ms}).has_value());
  closing_ = true;
  resume_reading();  // to see the peer's end
  sources_.clear();
  wake();
  beat_.cancel();
  closing_reason_ = std::move(why);
  // The writer closes the stream once the Goodbye is out; then the reader ends with this reason.
  limit_.emplace(stream_->executor(), kFarewell, [this] { stream_->close(); });
}

void FrameLink::set_deadline(Milliseconds limit) {
  limit_.emplace(stream_->executor(), limit, [this] {
    end(make_error(ErrorCode::kDeadlineExceeded, "the handshake took too long"));
  });
}

void FrameLink::end(Error why) {
  if (ended_) return;
  ended_ = closing_reason_ ? *closing_reason_ : std::move(why);
  sources_.clear();
  stream_->close();
  wake();
  beat_.cancel();
  resume_.cancel();
}

}  // namespace tributary

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

constexpr std::size_t kReadAhead = 16u << 10;  // one TLS record
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
  if (control_.size() >= limits::kControlQueueMax) {
    end(make_error(ErrorCode::kResourceExhausted, "the peer does not read what is sent to it"));
    return *ended_;
  }
  TRIB_TRY(payload, encode_message(message));
  control_.push_back(frame(FrameKind::kControl, 0, payload));
  wake();
  return {};
}

void FrameLink::add_source(std::uint32_t stream, ChunkSource source) {
  sources_.push_back({stream, std::move(source)});
  wake();
}

void FrameLink::remove_source(std::uint32_t stream) {
  std::erase_if(sources_, [stream](const Source& source) { return source.stream == stream; });
}

// Control first; then one chunk of the source whose turn it is. Empty: nothing to write.
Result<Bytes> FrameLink::next_frame() {
  if (!control_.empty()) {
    Bytes bytes = std::move(control_.front());
    control_.pop_front();
    // Small messages travel together.
    while (!control_.empty() && bytes.size() + control_.front().size() <= kReadAhead) {
      bytes.insert(bytes.end(), control_.front().begin(), control_.front().end());
      control_.pop_front();
    }
    return bytes;
  }
  while (!sources_.empty()) {
    Source source = std::move(sources_.front());
    sources_.pop_front();
    TRIB_TRY(chunk, source.next(limits::kChunkBytesMax));
    if (chunk.empty()) continue;
    Bytes bytes = frame(FrameKind::kChunk, source.stream, chunk);
    if (!closing_) sources_.push_back(std::move(source));  // the source may have closed the link
    return bytes;
  }
  return Bytes{};
}

asio::awaitable<void> FrameLink::write_loop() {
  while (!ended_) {
    Result<Bytes> bytes = next_frame();
    if (!bytes) {
      end(std::move(bytes).error());
      break;
    }
    if (!bytes->empty()) {
      const ByteView view = *bytes;
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

asio::awaitable<Result<FrameHeader>> FrameLink::read_frame(Bytes& payload) {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  const MutableByteView header_view = bytes;
  const Status header_read = co_await read_exact(header_view);
  if (!header_read) co_return header_read.error();
  const Result<FrameHeader> header = decode_frame_header(bytes);
  if (!header) co_return header.error();
  payload.resize(header->payload_bytes);
  const MutableByteView payload_view = payload;
  const Status payload_read = co_await read_exact(payload_view);
  if (!payload_read) co_return payload_read.error();
  co_return *header;
}

asio::awaitable<Result<Message>> FrameLink::receive() {
  Bytes payload;
  const Result<FrameHeader> header = co_await read_frame(payload);
  if (!header) co_return ended_ ? *ended_ : header.error();
  if (header->kind != FrameKind::kControl)
    co_return make_error(ErrorCode::kProtocol, "a chunk before the first message");
  co_return decode_message(payload);
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
  Bytes payload;
  while (!ended_) {
    const Result<FrameHeader> header = co_await read_frame(payload);
    if (ended_) break;
    if (!header) {
      end(header.error());
      break;
    }
    if (closing_) continue;
    const Status taken = header->kind == FrameKind::kControl
                             ? take_message(payload, handler)
                             : handler.on_chunk(header->stream, payload);
    if (!taken) close(taken.error());
  }
  co_return *ended_;
}

asio::awaitable<void> FrameLink::heartbeat_loop() {
  while (!ended_ && !closing_) {
    beat_.expires_after(milliseconds(limits::kHeartbeatMs));
    boost::system::error_code woken;
    auto token = asio::redirect_error(asio::use_awaitable, woken);
    co_await beat_.async_wait(token);
    if (ended_ || closing_) break;
    if (steady_clock::now() - last_sign_ > milliseconds(limits::kSilenceMs)) {
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
}

}  // namespace tributary

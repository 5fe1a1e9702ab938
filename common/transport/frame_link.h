// SPDX-License-Identifier: Apache-2.0
// FrameLink: one authenticated link: control messages first, chunks of blobs between them,
// heartbeats, an end that is always told. Shared by its coroutines; every call on its io_context's
// one thread. It does not interpret messages but heartbeats.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/domain/messages.h"
#include "common/transport/deadline.h"
#include "common/transport/tls_stream.h"
#include "common/wire/frame_codec.h"
#include "common/wire/link.h"

namespace tributary {

class FrameLink final : public Link, public std::enable_shared_from_this<FrameLink> {
 public:
  using Duration = std::chrono::steady_clock::duration;

  // Takes over a stream whose handshake is done, and begins to write what is sent.
  static std::shared_ptr<FrameLink> start(std::unique_ptr<TlsStream> stream, PeerIdentity peer);

  const PeerIdentity& peer() const { return peer_; }
  const std::string& address() const { return stream_->address(); }
  const asio::ip::address& host() const { return stream_->host(); }
  // Whether the peer would be let in by this context, too.
  Status readmit(const TlsContext& context) const { return stream_->readmit(context); }
  asio::any_io_executor executor() { return stream_->executor(); }

  Status send(const Message& message) override;
  void add_source(std::uint32_t stream, ChunkSource source) override;
  void remove_source(std::uint32_t stream) override;
  void pause_reading() override { paused_ = !closing_; }
  void resume_reading() override;

  // The next message, before run(): for the version handshake.
  asio::awaitable<Result<Message>> receive();
  // Reads until the end, which is returned; `handler` outlives it.
  asio::awaitable<Error> run(LinkHandler& handler);
  // Takes at most two seconds.
  void close(Error why, std::int64_t retry_after_ms = 0) override;
  // Closes unless the deadline is lifted in time.
  void set_deadline(Milliseconds limit);
  void lift_deadline() { limit_.reset(); }

 private:
  // What the writer is at; `bytes` lie in one of the two.
  struct Outgoing {
    Bytes control;
    std::optional<Chunk> chunk;
    ByteView bytes;
  };
  struct Source {
    std::uint32_t stream;
    ChunkSource next;
  };

  FrameLink(std::unique_ptr<TlsStream> stream, PeerIdentity peer);
  asio::awaitable<Status> read_exact(MutableByteView into);
  asio::awaitable<Result<FrameHeader>> read_header();
  asio::awaitable<Status> read_payload(FrameHeader header, LinkHandler* handler);
  asio::awaitable<void> while_paused();
  asio::awaitable<void> write_loop();
  asio::awaitable<void> heartbeat_loop();
  Bytes next_control();
  Result<Outgoing> next_frame();
  Status take_message(ByteView payload, LinkHandler& handler);
  void end(Error why);
  void wake() { wake_.cancel(); }

  std::unique_ptr<TlsStream> stream_;
  PeerIdentity peer_;
  asio::steady_timer wake_;
  std::optional<Deadline> limit_;
  asio::steady_timer beat_;
  asio::steady_timer resume_;
  std::deque<Bytes> control_;
  std::size_t control_bytes_ = 0;  // of those
  std::deque<Source> sources_;
  Bytes message_;   // the one that is being read
  Bytes received_;  // read ahead: [taken_, filled_)
  std::size_t taken_ = 0;
  std::size_t filled_ = 0;
  std::chrono::steady_clock::time_point last_sign_;
  std::uint64_t beats_ = 0;
  bool paused_ = false;
  bool closing_ = false;
  std::optional<Error> closing_reason_;
  std::optional<Error> ended_;
};

}  // namespace tributary

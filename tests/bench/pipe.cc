// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/pipe.h"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <thread>
#include <vector>

#include "common/base/assert.h"
#include "common/base/limits.h"
#include "common/transport/spawn.h"
#include "common/transport/tls_stream.h"
#include "common/wire/frame_codec.h"

namespace tributary::bench {
namespace {

using std::chrono::steady_clock;

struct End {
  std::unique_ptr<TlsStream> stream;
  std::uint64_t bytes = 0;
  bool greeted = false;
};

asio::awaitable<void> greet(End* end) {
  const Result<PeerIdentity> peer = co_await end->stream->handshake();
  end->greeted = peer.has_value();
}

asio::awaitable<void> make_frames(End* end) {
  const Bytes frame(kFrameHeaderBytes + limits::kChunkBytesMax, std::byte{0x5a});
  const ByteView view = frame;
  for (std::uint64_t sent = 0; sent < end->bytes; sent += limits::kChunkBytesMax) {
    const Status written = co_await end->stream->write(view);
    TRIB_ASSERT(written.has_value(), "the pipe broke");
  }
}

asio::awaitable<void> drop_frames(End* end) {
  Bytes room(limits::kChunkBytesMax);
  const MutableByteView view = room;
  const std::uint64_t frames = (end->bytes + limits::kChunkBytesMax - 1) / limits::kChunkBytesMax;
  std::uint64_t left = frames * (kFrameHeaderBytes + limits::kChunkBytesMax);
  while (left > 0) {
    const Result<std::size_t> got = co_await end->stream->read_some(view);
    TRIB_ASSERT(got.has_value(), "the pipe broke");
    left -= *got;
  }
}

template <typename Work>
void run_all(asio::io_context& io, std::vector<End>& ends, Work work) {
  io.restart();
  for (End& end : ends) spawn(io, work(&end));
  io.run();
}

}  // namespace

double pipe_seconds(const TlsFiles& server, const TlsFiles& client, int connections,
                    std::uint64_t bytes_each) {
  const auto server_context = *TlsContext::load_as(PeerRole::kCoordinator, server);
  const auto client_context = *TlsContext::load_as(PeerRole::kSite, client);
  asio::io_context makes(1), drops(1);
  asio::ip::tcp::acceptor acceptor(makes, {asio::ip::address_v4::loopback(), 0});
  std::vector<End> makers, droppers;
  for (int i = 0; i < connections; ++i) {
    Socket here(makes), there(drops);
    here.connect(acceptor.local_endpoint());
    acceptor.accept(there);
    makers.push_back(
        {*TlsStream::make(std::move(here), *client_context, "coordinator"), bytes_each});
    droppers.push_back({*TlsStream::make(std::move(there), *server_context, ""), bytes_each});
  }
  std::thread other([&] { run_all(drops, droppers, greet); });
  run_all(makes, makers, greet);
  other.join();
  const auto start = steady_clock::now();
  other = std::thread([&] { run_all(drops, droppers, drop_frames); });
  run_all(makes, makers, make_frames);
  other.join();
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

}  // namespace tributary::bench

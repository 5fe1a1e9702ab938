// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/network.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>
#include <variant>

#include "common/base/limits.h"

namespace tributary::sim {
namespace {

struct ChunkFrame {
  std::uint32_t stream;
  Bytes bytes;
};
using Frame = std::variant<Message, ChunkFrame>;

struct Source {
  std::uint32_t stream;
  ChunkSource next;
};

struct Side {
  const Life* life = nullptr;
  std::shared_ptr<LinkHandler> handler;
  std::function<void(const Error&)> on_end;
  std::deque<Frame> early;  // arrived before someone was attached
  std::deque<Source> sources;
  TimePoint last_arrival;  // of what the other side sent
  TimePoint stalled_until;
  bool pumping = false;
  bool closing = false;
  bool ended = false;
};

}  // namespace

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Network& network, std::string site) : network_(network), site_(std::move(site)) {}

  const std::string& site() const { return site_; }
  Side& side(int index) { return sides_[static_cast<std::size_t>(index)]; }
  bool over() const { return sides_[0].ended && sides_[1].ended; }

  Status send(int from, const Message& message) {
    if (side(from).ended || side(from).closing)
      return make_error(ErrorCode::kUnavailable, "the link is closed");
    if (network_.on_send) network_.on_send(from, site_, message);
    deliver(from, message);
    const std::uint64_t one_in = network_.faults.duplicate_one_in;
    if (one_in > 0 && !is_transfer(message) && network_.random_.uniform_below(one_in) == 0)
      deliver(from, message);
    return {};
  }

  void deliver(int from, Frame frame) {
    Side& to = side(1 - from);
    TimePoint at = network_.timeline_.now() + delay(network_.faults.latency);
    at = std::max({at, to.last_arrival, to.stalled_until});
    to.last_arrival = at;
    later(at - network_.timeline_.now(), 1 - from,
          [this, to = 1 - from, frame = std::move(frame)] { arrive(to, frame); });
  }

  void arrive(int at, const Frame& frame) {
    Side& side_at = side(at);
    if (cut_ || side_at.ended) return;
    if (!side_at.handler) return side_at.early.push_back(frame);
    const std::shared_ptr<LinkHandler> handler = side_at.handler;
    Status taken;
    if (const auto* message = std::get_if<Message>(&frame)) {
      if (std::holds_alternative<Welcome>(*message)) return;
      taken = handler->on_message(*message);
    } else {
      const auto& chunk = std::get<ChunkFrame>(frame);
      taken = handler->on_chunk(chunk.stream, Chunk::of(chunk.bytes));
    }
    if (!taken) close(at, taken.error(), 0);
  }

  void pump(int from) {
    Side& mine = side(from);
    mine.pumping = false;
    if (mine.ended || mine.closing || mine.sources.empty()) return;
    Source source = std::move(mine.sources.front());
    mine.sources.pop_front();
    Bytes bytes(network_.faults.chunk_bytes);
    const Result<std::size_t> size = source.next(bytes);
    if (!size) return close(from, size.error(), 0);
    if (*size > 0) {
      bytes.resize(*size);
      if (network_.on_chunk) network_.on_chunk(from, source.stream, *size);
      deliver(from, ChunkFrame{source.stream, std::move(bytes)});
      mine.sources.push_back(std::move(source));
    }
    start_pump(from);
  }

  void start_pump(int from) {
    Side& mine = side(from);
    if (mine.pumping || mine.sources.empty()) return;
    mine.pumping = true;
    later(delay(network_.faults.chunk), from, [this, from] { pump(from); });
  }

  void close(int from, const Error& why, std::int64_t retry_after_ms) {
    Side& mine = side(from);
    if (mine.ended || mine.closing) return;
    deliver(from, Goodbye{why.code, why.message, retry_after_ms});
    mine.closing = true;
    mine.sources.clear();
    later(Milliseconds(1), from, [this, from, why] { end(from, why); });
    const TimePoint seen = side(1 - from).last_arrival + Milliseconds(1);
    later(seen - network_.timeline_.now(), 1 - from, [this, to = 1 - from] {
      end(to, make_error(ErrorCode::kUnavailable, "the peer closed the connection"));
    });
  }

  void end(int at, const Error& why) {
    Side& mine = side(at);
    if (mine.ended) return;
    mine.ended = true;
    mine.sources.clear();
    mine.handler.reset();
    const auto on_end = std::exchange(mine.on_end, nullptr);
    if (over()) network_.forget(this);
    if (on_end) on_end(why);
  }

  // The process at this end is gone: it is not told; the other end notices now or by the silence.
  void die(int at, bool silently) {
    Side& mine = side(at);
    if (!mine.ended) {
      mine.ended = true;
      mine.handler.reset();
      mine.on_end = nullptr;
      mine.sources.clear();
    }
    lose(1 - at, silently);
    if (over()) network_.forget(this);
  }

  // This end finds out that the connection is broken.
  void lose(int at, bool silently) {
    const Milliseconds wait = silently ? Milliseconds(limits::kSilenceMs) : delay(Milliseconds(30));
    later(wait, at,
          [this, at] { end(at, make_error(ErrorCode::kUnavailable, "the connection broke")); });
  }

  void cut(bool silently_here) {
    cut_ = true;
    lose(0, silently_here);
    lose(1, !silently_here);
  }

  void stall(int to, Milliseconds time) {
    side(to).stalled_until = network_.timeline_.now() + time;
    if (time > Milliseconds(limits::kSilenceMs)) cut(to == 0);
  }

 private:
  static bool is_transfer(const Message& message) {
    return std::holds_alternative<BlobRequest>(message) ||
           std::holds_alternative<BlobStart>(message) ||
           std::holds_alternative<BlobRefused>(message) ||
           std::holds_alternative<BlobCancel>(message) || std::holds_alternative<Goodbye>(message);
  }
  Milliseconds delay(Milliseconds most) {
    return Milliseconds(
        network_.random_.uniform_below(static_cast<std::uint64_t>(most.count()) + 1));
  }
  // In the life of that side's party, on a connection that is not cut: what was under way is lost.
  void later(Milliseconds wait, int at, std::function<void()> what) {
    network_.timeline_.after(wait, *side(at).life, [self = shared_from_this(), what, at] {
      if (!self->side(at).ended) what();
    });
  }

  Network& network_;
  std::string site_;
  std::array<Side, 2> sides_;
  bool cut_ = false;
};

void End::attach(std::shared_ptr<LinkHandler> handler, std::function<void(const Error&)> on_end) {
  const auto connection = connection_.lock();
  if (!connection) return;
  Side& mine = connection->side(side_);
  mine.handler = std::move(handler);
  mine.on_end = std::move(on_end);
  const std::deque<Frame> early = std::exchange(mine.early, {});
  for (const Frame& frame : early) connection->arrive(side_, frame);
}

Status End::send(const Message& message) {
  const auto connection = connection_.lock();
  return connection ? connection->send(side_, message)
                    : make_error(ErrorCode::kUnavailable, "the link is closed");
}

void End::add_source(std::uint32_t stream, ChunkSource source) {
  const auto connection = connection_.lock();
  if (!connection) return;
  connection->side(side_).sources.push_back({stream, std::move(source)});
  connection->start_pump(side_);
}

void End::remove_source(std::uint32_t stream) {
  if (const auto connection = connection_.lock()) {
    std::erase_if(connection->side(side_).sources,
                  [stream](const Source& source) { return source.stream == stream; });
  }
}

void End::close(Error why, std::int64_t retry_after_ms) {
  if (const auto connection = connection_.lock()) connection->close(side_, why, retry_after_ms);
}

std::pair<std::shared_ptr<End>, std::shared_ptr<End>> Network::connect(const std::string& site,
                                                                       const Life& site_life,
                                                                       const Life& hub_life) {
  const auto connection = std::make_shared<Connection>(*this, site);
  connections_.push_back(connection);
  connection->side(0).life = &site_life;
  connection->side(1).life = &hub_life;
  std::pair ends{std::make_shared<End>(), std::make_shared<End>()};
  ends.first->connection_ = connection;
  ends.second->connection_ = connection;
  ends.second->side_ = 1;
  return ends;
}

void Network::die(const std::string& site, int side) {
  const bool silently = random_.uniform_below(4) == 0;
  for (const auto& connection : std::vector(connections_)) {
    if (connection->site() == site) connection->die(side, silently);
  }
}

void Network::die_all(int side) {
  for (const auto& connection : std::vector(connections_))
    connection->die(side, random_.uniform_below(4) == 0);
}

bool Network::cut_one() {
  if (connections_.empty()) return false;
  connections_[random_.uniform_below(connections_.size())]->cut(random_.uniform_below(3) == 0);
  return true;
}

bool Network::stall_one() {
  if (connections_.empty()) return false;
  connections_[random_.uniform_below(connections_.size())]->stall(
      static_cast<int>(random_.uniform_below(2)),
      Milliseconds(random_.uniform_below(2 * limits::kSilenceMs)));
  return true;
}

void Network::cut_all(int silent_side, TimePoint until) {
  closed_until_ = until;
  for (const auto& connection : connections_) connection->cut(silent_side == 0);
}

void Network::forget(const Connection* connection) {
  std::erase_if(connections_, [connection](const auto& one) { return one.get() == connection; });
}

}  // namespace tributary::sim

// SPDX-License-Identifier: Apache-2.0
// Network: connections between sites and the coordinator with the faults that TCP under TLS can
// have: they break at any frame, one end may notice only by its silence, either direction may stall
// and go on. Frames of one direction keep their order; control messages may come twice, which a
// peer's re-sending could cause. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/random_source.h"
#include "common/wire/link.h"
#include "tests/sim/timeline.h"

namespace tributary::sim {

class Connection;

// One end of a connection, in the hands of one party.
class End final : public Link {
 public:
  // What to do with what arrives, and when it is over (never from within another call). With the
  // end of the party's life nothing is called any more.
  void attach(std::shared_ptr<LinkHandler> handler, std::function<void(const Error&)> on_end);

  Status send(const Message& message) override;
  void add_source(std::uint32_t stream, ChunkSource source) override;
  void remove_source(std::uint32_t stream) override;
  void close(Error why, std::int64_t retry_after_ms = 0) override;

 private:
  friend class Connection;
  friend class Network;
  std::weak_ptr<Connection> connection_;
  int side_ = 0;
};

struct NetworkFaults {
  Milliseconds latency{5};  // at most, each frame
  Milliseconds chunk{2};    // a chunk takes so long at most
  std::size_t chunk_bytes = 16;
  std::uint64_t duplicate_one_in = 0;  // control messages that come twice; 0: none
};

class Network {
 public:
  Network(Timeline& timeline, RandomSource& random) : timeline_(timeline), random_(random) {}

  NetworkFaults faults;
  // Sees each message before it goes; may throw to end the sender's life.
  std::function<void(int side, const std::string& site, const Message&)> on_send;
  // Sees each chunk that a side puts on its connection, whether it arrives or not.
  std::function<void(int side, std::uint32_t stream, std::size_t bytes)> on_chunk;

  // Ends of a new connection: the site's, the coordinator's. Their calls run in the given lives.
  std::pair<std::shared_ptr<End>, std::shared_ptr<End>> connect(const std::string& site,
                                                                const Life& site_life,
                                                                const Life& hub_life);
  // The process at one end (0: site, 1: coordinator) is gone, with or without telling.
  void die(const std::string& site, int side);
  void die_all(int side);
  // A random connection breaks or stalls; false when there is none.
  bool cut_one();
  bool stall_one();
  // For a script: all connections break, and none can be made before `until`. One side finds out by
  // the silence alone.
  void cut_all(int silent_side, TimePoint until);
  bool open() const { return timeline_.now() >= closed_until_; }

 private:
  friend class Connection;
  void forget(const Connection* connection);

  Timeline& timeline_;
  RandomSource& random_;
  std::vector<std::shared_ptr<Connection>> connections_;
  TimePoint closed_until_;
};

}  // namespace tributary::sim

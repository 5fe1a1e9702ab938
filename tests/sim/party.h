// SPDX-License-Identifier: Apache-2.0
// What the parties of a simulated federation share: the world around them, and how they die.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/random_source.h"
#include "common/telemetry/event_log.h"
#include "tests/sim/network.h"
#include "tests/sim/timeline.h"

namespace tributary::sim {

// Thrown by a port to end a party in the middle of whatever it is doing, as kill -9 would. Caught
// by the federation's loop alone.
struct Killed {
  std::string party;
};

enum class Death {
  kPowerCut,  // its machine's: the disk keeps what was synced
  kProcess,   // kill -9: the disk keeps all that was written
};

// Counts a party's calls of its ports down to the one at which it is killed.
class Fuse {
 public:
  explicit Fuse(std::string party) : party_(std::move(party)) {}
  void light(std::uint64_t calls) { left_ = calls; }
  void burn() {
    if (left_ > 0 && --left_ == 0) throw Killed{party_};
  }
  void put_out() { left_ = 0; }

 private:
  std::string party_;
  std::uint64_t left_ = 0;
};

struct Surroundings {
  Timeline& timeline;
  RandomSource& random;
  Network& network;
  EventLog& log;  // writes nothing; the parties need one
};

}  // namespace tributary::sim

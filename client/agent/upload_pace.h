// SPDX-License-Identifier: Apache-2.0
// UploadPace: how fast results may leave the site, a token bucket whose rate the site's policy
// sets. PacedPort: a link whose blobs leave at that pace; its messages are never held back. The
// pace is the daemon's and outlives its links; a port dies with its link. The link's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/wire/transfer_port.h"

namespace tributary {

// Holds a quarter of a second's bytes: within any time T no more than rate * (T + 0.25 s) leave.
class UploadPace {
 public:
  // Bytes a second as of now; none: no limit. Where it fails, what held before goes on to hold.
  using Rate = std::function<Result<std::optional<std::int64_t>>()>;
  // The rate is asked for once a second at most, and only while something leaves.
  UploadPace(const Clock& clock, Rate rate) : clock_(clock), ask_(std::move(rate)) {}

  // How many of `wanted` bytes may leave now; 0: none yet. Few are not worth a chunk of their own.
  std::size_t room(std::size_t wanted);
  void spend(std::size_t bytes);

 private:
  const Clock& clock_;
  const Rate ask_;
  std::optional<std::int64_t> rate_;
  TimePoint look_at_;
  TimePoint filled_at_;
  std::int64_t tokens_ = 0;  // thousandths of a byte, of which a millisecond brings rate_
};

class PacedPort final : public TransferPort {
 public:
  // Both outlive it.
  PacedPort(TransferPort& port, UploadPace& pace)
      : port_(port), state_(std::make_shared<State>(pace)) {}

  Status send(const Message& message) override { return port_.send(message); }
  void add_source(std::uint32_t stream, ChunkSource source) override;
  void remove_source(std::uint32_t stream) override;
  void pause_reading() override { port_.pause_reading(); }
  void resume_reading() override { port_.resume_reading(); }

  // Hands sources that wait for room to the link again; often.
  void go_on();

 private:
  // Sources that the link has may outlive the port.
  struct State {
    explicit State(UploadPace& with) : pace(with) {}
    UploadPace& pace;
    std::map<std::uint32_t, ChunkSource> waiting;
  };

  TransferPort& port_;
  const std::shared_ptr<State> state_;
};

}  // namespace tributary

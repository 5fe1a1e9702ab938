// SPDX-License-Identifier: Apache-2.0
#include "client/agent/upload_pace.h"

#include <algorithm>
#include <utility>

namespace tributary {
namespace {

constexpr Milliseconds kHeld{250};  // far longer than the daemon's ticks, which would slow it else
constexpr Milliseconds kLookEvery{1'000};
constexpr std::int64_t kParts = 1'000;  // of a byte

}  // namespace

std::size_t UploadPace::room(std::size_t wanted) {
  const TimePoint now = clock_.now();
  if (now >= look_at_) {
    look_at_ = now + kLookEvery;
    if (const auto rate = ask_(); rate) rate_ = *rate;
  }
  if (!rate_) return wanted;
  const std::int64_t full = *rate_ * kHeld.count();
  const Milliseconds passed = std::min(now - std::exchange(filled_at_, now), kHeld);
  tokens_ = std::min(full, tokens_ + passed.count() * *rate_);
  const auto bytes = static_cast<std::size_t>(std::max<std::int64_t>(tokens_ / kParts, 0));
  const auto least = static_cast<std::size_t>(full / kParts / 2);
  return bytes < std::min(wanted, least) ? 0 : std::min(wanted, bytes);
}

void UploadPace::spend(std::size_t bytes) {
  if (rate_) tokens_ -= static_cast<std::int64_t>(bytes) * kParts;
}

void PacedPort::add_source(std::uint32_t stream, ChunkSource source) {
  // For the link a source that waits has ended.
  port_.add_source(stream,
                   [state = std::weak_ptr(state_), stream,
                    source = std::move(source)](MutableByteView into) -> Result<std::size_t> {
                     const std::shared_ptr<State> mine = state.lock();
                     if (!mine) return 0;
                     const std::size_t room = mine->pace.room(into.size());
                     if (room == 0) {
                       mine->waiting[stream] = source;
                       return 0;
                     }
                     TRIB_TRY(size, source(into.first(room)));
                     mine->pace.spend(size);
                     return size;
                   });
}

void PacedPort::remove_source(std::uint32_t stream) {
  state_->waiting.erase(stream);
  port_.remove_source(stream);
}

void PacedPort::go_on() {
  for (auto& [stream, source] : std::exchange(state_->waiting, {}))
    add_source(stream, std::move(source));
}

}  // namespace tributary

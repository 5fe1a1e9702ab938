// SPDX-License-Identifier: Apache-2.0
#include "client/sandbox/channel.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace tributary {
namespace {

constexpr std::size_t kHeadBytes = sizeof(std::uint32_t) + sizeof(std::uint64_t);

Error gone() { return make_error(ErrorCode::kUnavailable, "the other process is gone"); }

}  // namespace

Channel::Channel(int descriptor, Abandon abandon)
    : descriptor_(descriptor), abandon_(std::move(abandon)) {}

Channel::~Channel() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Channel::Channel(Channel&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), abandon_(std::move(other.abandon_)) {}

bool Channel::readable(Milliseconds within) {
  pollfd one{descriptor_, POLLIN, 0};
  return ::poll(&one, 1, static_cast<int>(within.count())) > 0;
}

Status Channel::wait_for(short event) {
  pollfd one{descriptor_, event, 0};
  if (::poll(&one, 1, static_cast<int>(kTick.count())) < 0 && errno != EINTR)
    return system_error(errno, "waiting for another process");
  if (abandon_ && abandon_()) return make_error(ErrorCode::kCancelled, "the wait was given up");
  return {};
}

Status Channel::write_all(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EINTR) {
      TRIB_CHECK_OK(wait_for(POLLOUT));
    } else {
      return gone();
    }
  }
  return {};
}

Status Channel::read_all(MutableByteView into) {
  while (!into.empty()) {
    const ssize_t got = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) {
      into = into.subspan(static_cast<std::size_t>(got));
    } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      TRIB_CHECK_OK(wait_for(POLLIN));
    } else {
      return gone();
    }
  }
  return {};
}

Status Channel::send(std::uint32_t kind, ByteView bytes) {
  std::array<std::byte, kHeadBytes> head;
  put_little_endian(head.data(), kind);
  put_little_endian(head.data() + sizeof kind, std::uint64_t{bytes.size()});
  TRIB_CHECK_OK(write_all(head));
  return write_all(bytes);
}

Result<Channel::Head> Channel::read_head() {
  std::array<std::byte, kHeadBytes> head;
  TRIB_CHECK_OK(read_all(head));
  return Head{get_little_endian<std::uint32_t>(head.data()),
              get_little_endian<std::uint64_t>(head.data() + sizeof(std::uint32_t))};
}

Result<std::size_t> Channel::receive_head(std::uint32_t kind) {
  TRIB_TRY(head, read_head());
  if (head.kind != kind) return make_error(ErrorCode::kProtocol, "a frame of another kind");
  return static_cast<std::size_t>(head.size);
}

Result<ChannelFrame> Channel::receive(std::uint64_t bytes_max) {
  TRIB_TRY(head, read_head());
  if (head.size > bytes_max) {
    return make_error(ErrorCode::kProtocol, "a frame of " + std::to_string(head.size) +
                                                " bytes, where " + std::to_string(bytes_max) +
                                                " are the most");
  }
  ChannelFrame frame{head.kind, Bytes(static_cast<std::size_t>(head.size))};
  TRIB_CHECK_OK(read_all(frame.bytes));
  return frame;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/transport/handshake.h"

#include "common/base/limits.h"
#include "common/base/version.h"

namespace tributary {

asio::awaitable<Result<Hello>> await_hello(std::shared_ptr<FrameLink> link) {
  const Milliseconds limit{limits::kHandshakeMs};
  link->set_deadline(limit);
  Result<Message> first = co_await link->receive();
  link->lift_deadline();
  if (!first) co_return std::move(first).error();
  const auto* hello = std::get_if<Hello>(&*first);
  if (hello == nullptr) {
    const Error wrong = make_error(ErrorCode::kProtocol, "the first message must be Hello");
    link->close(wrong);
    co_return wrong;
  }
  if (hello->protocol_min > kProtocolVersion || hello->protocol_max < kProtocolVersion) {
    const Error wrong = make_error(ErrorCode::kFailedPrecondition,
                                   "this side speaks version " + std::to_string(kProtocolVersion) +
                                       ", the peer " + std::to_string(hello->protocol_min) +
                                       " to " + std::to_string(hello->protocol_max));
    link->close(wrong, limits::kRetryAfterMs);
    co_return wrong;
  }
  co_return *hello;
}

asio::awaitable<Result<HelloAnswer>> offer_hello(std::shared_ptr<FrameLink> link, Hello hello) {
  const Milliseconds limit{limits::kHandshakeMs};
  hello.protocol_min = kProtocolVersion;
  hello.protocol_max = kProtocolVersion;
  const Status sent = link->send(hello);
  if (!sent) co_return sent.error();
  link->set_deadline(limit);
  Result<Message> answer = co_await link->receive();
  link->lift_deadline();
  if (!answer) co_return std::move(answer).error();
  if (const auto* goodbye = std::get_if<Goodbye>(&*answer)) co_return HelloAnswer(*goodbye);
  const auto* welcome = std::get_if<Welcome>(&*answer);
  if (welcome == nullptr || welcome->protocol != kProtocolVersion) {
    co_return make_error(ErrorCode::kProtocol,
                         "the coordinator did not answer Hello with a Welcome");
  }
  co_return HelloAnswer(*welcome);
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/transport/ask.h"

#include <boost/asio/io_context.hpp>

#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/transport/spawn.h"

namespace tributary {
namespace {

asio::awaitable<void> ask_into(DialTarget target, std::shared_ptr<TlsContext> context,
                               Message question, Result<Message>* out) {
  Hello hello;
  hello.software = kSoftware;
  Result<Dialed> dialed = co_await dial(target, context, hello);
  if (!dialed) {
    *out = std::move(dialed).error();
    co_return;
  }
  if (const auto* goodbye = std::get_if<Goodbye>(&*dialed)) {
    *out = make_error(goodbye->code, "the coordinator said goodbye: " + goodbye->message);
    co_return;
  }
  const std::shared_ptr<FrameLink> link = std::get<DialedLink>(*dialed).link;
  const Milliseconds limit{limits::kHandshakeMs};
  link->set_deadline(limit);
  const Status sent = link->send(question);
  if (sent) {
    Result<Message> answer = co_await link->receive();
    *out = std::move(answer);
  } else {
    *out = sent.error();
  }
  link->lift_deadline();
  link->close(make_error(ErrorCode::kCancelled, "done"));
}

}  // namespace

Result<Message> ask(const DialTarget& target, std::shared_ptr<TlsContext> context,
                    const Message& question) {
  asio::io_context io{1};
  Result<Message> answer = make_error(ErrorCode::kInternal, "the coordinator was not asked");
  spawn(io, ask_into(target, std::move(context), question, &answer));
  io.run();
  if (!answer) return answer;
  if (const auto* failed = std::get_if<RequestFailed>(&*answer))
    return make_error(failed->code, failed->message);
  if (const auto* goodbye = std::get_if<Goodbye>(&*answer))
    return make_error(goodbye->code, "the coordinator said goodbye: " + goodbye->message);
  return answer;
}

}  // namespace tributary

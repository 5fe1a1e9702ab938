// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/guest_sessions.h"

#include <algorithm>

#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/transport/dial_limits.h"
#include "common/transport/spawn.h"

namespace tributary {
namespace {

// Nobody knows them: as many as may ask at one time, each for as long as two questions take.
constexpr std::size_t kGuestsMax = 32;
constexpr std::ptrdiff_t kGuestsOfOneAddressMax = 4;
constexpr Milliseconds kVisit{8'000};
constexpr int kQuestionsMax = 2;

}  // namespace

class GuestSessions::Session final : public LinkHandler {
 public:
  Session(GuestSessions& owner, std::shared_ptr<FrameLink> link)
      : owner_(owner), link_(std::move(link)) {}

  const std::shared_ptr<FrameLink>& link() const { return link_; }

  Status on_message(const Message& message) override {
    if (const auto* goodbye = std::get_if<Goodbye>(&message))
      return make_error(ErrorCode::kCancelled, goodbye->message);
    if (++asked_ > kQuestionsMax)
      return refuse(make_error(ErrorCode::kResourceExhausted, "a guest asks too much at a time"));
    if (std::holds_alternative<GetRoot>(message))
      return link_->send(RootCertificate{owner_.ports_.roots()});
    const auto* enrol = std::get_if<Enrol>(&message);
    if (enrol == nullptr) {
      return refuse(
          make_error(ErrorCode::kPermissionDenied, "a guest may only ask for a certificate"));
    }
    const Result<EnrolAnswer> answer = owner_.ports_.enrolments.enrol(*enrol, link_->address());
    return answer ? link_->send(*answer) : refuse(answer.error());
  }
  Status on_chunk(std::uint32_t, Chunk) override {
    return make_error(ErrorCode::kProtocol, "a guest sends no chunks");
  }

 private:
  // It ends the link.
  Status refuse(const Error& why) const {
    if (owner_.refused_) owner_.refused_(link_->address(), why);
    return why;
  }

  GuestSessions& owner_;
  std::shared_ptr<FrameLink> link_;
  int asked_ = 0;
};

GuestSessions::~GuestSessions() = default;

void GuestSessions::admit(std::shared_ptr<FrameLink> link) {
  const CustomerKey from = customer_of(link->host());
  const auto same = std::ranges::count_if(sessions_, [&from](const auto& session) {
    return customer_of(session->link()->host()) == from;
  });
  if (sessions_.size() >= kGuestsMax || same >= kGuestsOfOneAddressMax) {
    const Error why = make_error(ErrorCode::kUnavailable, "too many guests at a time");
    if (refused_) refused_(link->address(), why);
    return link->close(why, limits::kRedialMs);
  }
  if (!link->send(Welcome{kProtocolVersion, ports_.software, limits::kHeartbeatMs, 0})) return;
  link->set_deadline(kVisit);
  const auto session = std::make_shared<Session>(*this, link);
  sessions_.insert(session);
  const auto run = [](GuestSessions* self, std::shared_ptr<Session> one) -> asio::awaitable<void> {
    const std::shared_ptr<FrameLink> its_link = one->link();
    const Error ended = co_await its_link->run(*one);
    static_cast<void>(ended);  // they come and go
    self->sessions_.erase(one);
  };
  spawn(link->executor(), run(this, session));
}

void GuestSessions::close_all(const Error& why) {
  for (const auto& session : sessions_) session->link()->close(why);
}

}  // namespace tributary

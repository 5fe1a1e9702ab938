// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/operator_sessions.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <map>
#include <optional>

#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/transfer/blob_transfers.h"
#include "common/transport/deadline.h"
#include "common/transport/handshake.h"
#include "common/transport/spawn.h"
#include "common/wire/message_codec.h"
#include "coordinator/service/operator_roles.h"

namespace tributary {
namespace {

// A timer for years would overflow: it is set anew.
constexpr std::int64_t kTokenWaitMaxMs = 24LL * 3600 * 1000;
// Enough for a person's windows and scripts; each link may have memory and a descriptor.
constexpr std::ptrdiff_t kLinksOfOneMax = 16;

std::string field_text(const LoggedEvent& event, std::string_view name) {
  for (const auto& [key, value] : event.fields) {
    if (key == name && std::holds_alternative<std::string>(value))
      return std::get<std::string>(value);
  }
  return {};
}

}  // namespace

class OperatorSessions::Session final : public LinkHandler,
                                        public std::enable_shared_from_this<Session> {
 public:
  Session(OperatorSessions& owner, std::shared_ptr<FrameLink> link, Caller caller)
      : owner_(owner),
        link_(std::move(link)),
        caller_(std::move(caller)),
        transfers_(
            owner.ports_.blobs, *link_, [this](const Digest& digest) { return open_asked(digest); },
            [this](const BlobRef& blob, const Status& outcome) { fetched(blob, outcome); }) {}
  ~Session() override { stop_watching(); }

  const std::shared_ptr<FrameLink>& link() const { return link_; }
  const Caller& caller() const { return caller_; }
  void end_with_token() {
    if (!caller_.until_seconds) return;
    const std::int64_t left_ms =
        std::max<std::int64_t>(*caller_.until_seconds * 1000 - owner_.ports_.clock.wall_ms(), 0);
    token_end_.emplace(link_->executor(),
                       std::chrono::milliseconds(std::min(left_ms, kTokenWaitMaxMs)), [this] {
                         const Status good = check_token();
                         if (!good) return link_->close(good.error());
                         end_with_token();
                       });
  }

  Status on_message(const Message& message) override {
    if (BlobTransfers::is_mine(message)) return transfers_.on_message(message);
    if (const auto* goodbye = std::get_if<Goodbye>(&message)) {
      return make_error(ErrorCode::kCancelled, goodbye->message);
    }
    TRIB_CHECK_OK(check_token());
    if (const Status permitted = check_role(message); !permitted)
      return refuse(message, permitted.error());
    if (const auto* watch = std::get_if<WatchJob>(&message)) return start_watching(*watch);
    if (const auto* submit = std::get_if<SubmitJob>(&message);
        submit != nullptr && !submit->model_file.digest.is_none()) {
      if (const Status fit = owner_.ports_.api.check(caller_.name, *submit); !fit)
        return refuse(message, fit.error());
      // The module comes first: a job is never accepted without what it needs.
      pending_ = *submit;
      return transfers_.fetch(submit->model_file);
    }
    return answer(message);
  }

  Status on_chunk(std::uint32_t stream, Chunk chunk) override {
    return transfers_.on_chunk(stream, std::move(chunk));
  }

 private:
  // The machine may have slept past the timer's hour.
  Status check_token() const {
    if (!caller_.until_seconds || owner_.ports_.clock.wall_ms() / 1000 < *caller_.until_seconds) {
      return {};
    }
    return make_error(ErrorCode::kUnauthenticated, "the token has expired; dial with a new one");
  }
  // By the roles as they are now.
  Status check_role(const Message& request) const {
    TRIB_CHECK_OK(permits_request(
        owner_.ports_.access.roles(), caller_.role, request,
        [this](const JobId& job) { return owner_.ports_.api.is_of(job, caller_.name); }));
    if (!caller_.until_seconds || !std::holds_alternative<SubmitJob>(request)) return {};
    return make_error(ErrorCode::kFailedPrecondition,
                      "sites run only jobs that are signed with their submitter's certificate; " +
                          caller_.name + " came with a token, which cannot sign");
  }

  Status answer(const Message& request) {
    const Message reply = owner_.ports_.api.answer(caller_.name, request);
    if (const auto* info = std::get_if<ModelInfo>(&reply)) asked_[info->model.digest] = *info;
    if (const auto* failed = std::get_if<RequestFailed>(&reply))
      return refuse(request, make_error(failed->code, failed->message));
    return link_->send(reply);
  }
  Status refuse(const Message& request, const Error& why) {
    owner_.ports_.log.record("operator.refused", {{"operator", caller_.name},
                                                  {"address", link_->address()},
                                                  {"request", message_name(request)},
                                                  {"reason", why.message}});
    return link_->send(RequestFailed{why.code, why.message});
  }

  Result<std::unique_ptr<ReadFile>> open_asked(const Digest& digest) const {
    const auto asked = asked_.find(digest);
    if (asked == asked_.end()) return make_error(ErrorCode::kPermissionDenied, "not asked for");
    owner_.ports_.log.record("model.served",
                             {{"job", asked->second.job.value},
                              {"round", std::int64_t{asked->second.round}},
                              {"operator", caller_.name},
                              {"bytes", static_cast<std::int64_t>(asked->second.model.bytes)}});
    return owner_.ports_.models.open_model(asked->second.job, asked->second.round);
  }

  void fetched(const BlobRef&, const Status& outcome) {
    if (!pending_) return;
    const SubmitJob submit = *std::exchange(pending_, std::nullopt);
    if (outcome) {
      static_cast<void>(answer(submit).has_value());
    } else {
      static_cast<void>(
          link_->send(RequestFailed{outcome.error().code, "model file: " + outcome.error().message})
              .has_value());
    }
  }

  Status start_watching(const WatchJob& watch) {
    stop_watching();
    const Message shown = owner_.ports_.api.answer(caller_.name, ShowJob{watch.job, watch.from});
    const auto* page = std::get_if<JobDetail>(&shown);
    // Events come after the last page, so that none is between a request and its reply.
    if (page == nullptr || page->next != RecordPosition{}) return link_->send(shown);
    watched_ = owner_.ports_.log.subscribe([weak = weak_from_this(), job = watch.job.value,
                                            executor = link_->executor()](const LoggedEvent& event,
                                                                          const std::string& json) {
      if (field_text(event, "job") != job) return;
      // Out of the log's lock, and onto the link's thread.
      asio::post(executor, [weak, message = Event{event.wall_ms, std::string(event.name), json}] {
        if (const auto self = weak.lock())
          static_cast<void>(self->link_->send(message).has_value());
      });
    });
    return link_->send(shown);
  }

  void stop_watching() {
    if (watched_) owner_.ports_.log.unsubscribe(*watched_);
    watched_.reset();
  }

  OperatorSessions& owner_;
  std::shared_ptr<FrameLink> link_;
  Caller caller_;
  std::optional<Deadline> token_end_;
  std::map<Digest, ModelInfo> asked_;  // models that this operator may fetch
  std::optional<SubmitJob> pending_;
  std::optional<std::uint64_t> watched_;
  BlobTransfers transfers_;
};

OperatorSessions::~OperatorSessions() = default;

void OperatorSessions::admit(std::shared_ptr<FrameLink> link, Caller caller) {
  const auto same = std::ranges::count_if(
      sessions_, [&caller](const auto& session) { return session->caller().name == caller.name; });
  if (same >= kLinksOfOneMax) {
    return link->close(
        make_error(ErrorCode::kResourceExhausted,
                   "operator " + caller.name + " has " + std::to_string(same) + " links already"),
        limits::kRedialMs);
  }
  if (!link->send(Welcome{kProtocolVersion, ports_.software, limits::kHeartbeatMs})) return;
  ports_.log.record(
      "operator.connected",
      {{"operator", caller.name}, {"role", caller.role}, {"address", link->address()}});
  const auto session = std::make_shared<Session>(*this, link, std::move(caller));
  sessions_.insert(session);
  session->end_with_token();
  const auto run = [](OperatorSessions* self,
                      std::shared_ptr<Session> one) -> asio::awaitable<void> {
    const std::shared_ptr<FrameLink> its_link = one->link();
    const Error ended = co_await its_link->run(*one);
    static_cast<void>(ended);  // an operator comes and goes
    self->sessions_.erase(one);
  };
  spawn(link->executor(), run(this, session));
}

void OperatorSessions::close_all(const Error& why) {
  for (const auto& session : sessions_) session->link()->close(why);
}

void OperatorSessions::close_tokens(const Error& why) {
  for (const auto& session : sessions_) {
    if (session->caller().until_seconds) session->link()->close(why);
  }
}

}  // namespace tributary

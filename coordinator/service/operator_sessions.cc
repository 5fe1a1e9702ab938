// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/operator_sessions.h"

#include <boost/asio/post.hpp>
#include <map>
#include <optional>

#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/transfer/blob_transfers.h"
#include "common/transport/handshake.h"
#include "common/transport/spawn.h"
#include "common/wire/message_codec.h"
#include "coordinator/service/operator_roles.h"

namespace tributary {
namespace {

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
  Session(OperatorSessions& owner, std::shared_ptr<FrameLink> link)
      : owner_(owner),
        link_(std::move(link)),
        transfers_(
            owner.ports_.blobs, *link_, [this](const Digest& digest) { return open_asked(digest); },
            [this](const BlobRef& blob, const Status& outcome) { fetched(blob, outcome); }) {}
  ~Session() override { stop_watching(); }

  const std::shared_ptr<FrameLink>& link() const { return link_; }

  Status on_message(const Message& message) override {
    if (BlobTransfers::is_mine(message)) return transfers_.on_message(message);
    if (const auto* goodbye = std::get_if<Goodbye>(&message)) {
      return make_error(ErrorCode::kCancelled, goodbye->message);
    }
    if (const Status may = permits_request(link_->peer().operator_role, message); !may)
      return refuse(message, may.error());
    if (const auto* watch = std::get_if<WatchJob>(&message)) return start_watching(*watch);
    if (const auto* submit = std::get_if<SubmitJob>(&message);
        submit != nullptr && !submit->model_file.digest.is_none()) {
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
  Status answer(const Message& request) {
    const Message reply = owner_.ports_.api.answer(link_->peer().name, request);
    if (const auto* info = std::get_if<ModelInfo>(&reply)) asked_[info->model.digest] = *info;
    if (const auto* failed = std::get_if<RequestFailed>(&reply))
      return refuse(request, make_error(failed->code, failed->message));
    return link_->send(reply);
  }
  Status refuse(const Message& request, const Error& why) {
    owner_.ports_.log.record("operator.refused", {{"operator", link_->peer().name},
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
                              {"operator", link_->peer().name},
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
    const Message shown =
        owner_.ports_.api.answer(link_->peer().name, ShowJob{watch.job, watch.from});
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
  std::map<Digest, ModelInfo> asked_;  // models that this operator may fetch
  std::optional<SubmitJob> pending_;
  std::optional<std::uint64_t> watched_;
  BlobTransfers transfers_;
};

OperatorSessions::~OperatorSessions() = default;

void OperatorSessions::admit(std::shared_ptr<FrameLink> link) {
  if (!link->send(Welcome{kProtocolVersion, ports_.software, limits::kHeartbeatMs})) return;
  ports_.log.record("operator.connected",
                    {{"operator", link->peer().name}, {"address", link->address()}});
  const auto session = std::make_shared<Session>(*this, link);
  sessions_.insert(session);
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

}  // namespace tributary

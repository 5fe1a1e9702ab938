// SPDX-License-Identifier: Apache-2.0
#include "client/agent/site_agent.h"

#include <utility>

namespace tributary {

namespace ss = session;

// One overload per effect of the session.
struct SiteAgent::EffectPerformer {
  SiteAgent& agent;

  void operator()(const ss::Dial&) { agent.ports_.dial(); }
  void operator()(const ss::Send& e) {
    const auto* result = std::get_if<TaskResult>(&e.message);
    if (result != nullptr) return agent.send_result(*result);
    agent.send(e.message);
  }
  void operator()(const ss::CloseLink& e) {
    agent.give_up_dial_ = agent.link_ == nullptr;
    if (agent.link_) agent.link_->close(e.reason);
  }
  void operator()(const ss::FetchBlob& e) {
    if (agent.blobs_->contains(e.blob.digest)) {
      agent.dispatch(ss::BlobArrived{e.blob.digest});
    } else if (!agent.models_->fetch(e.blob, e.delta)) {
      agent.download(e.blob);
    }
  }
  void operator()(const ss::DropBlob& e) {
    agent.models_->drop(e.digest);
    if (agent.transfers_) agent.transfers_->cancel(e.digest);
    agent.note_failure(agent.blobs_->remove(e.digest));
  }
  void operator()(const ss::StartTask& e) { agent.ports_.start(e.task); }
  void operator()(const ss::StopTask& e) { agent.ports_.stop(e.key); }
  void operator()(const ss::KeepResult& e) {
    agent.may_serve_[ss::blob_of(e.result).digest] = e.result.key;
    agent.note_failure(agent.results_->keep(e.result));
  }
  void operator()(const ss::ForgetResult& e) { agent.note_failure(agent.results_->forget(e.key)); }
  void operator()(const ss::Report& e) { agent.ports_.log.relay(e.event, e.fields); }
};

Result<std::unique_ptr<SiteAgent>> SiteAgent::open(std::string state_dir, Ports ports) {
  std::unique_ptr<SiteAgent> agent(new SiteAgent(std::move(state_dir), std::move(ports)));
  TRIB_CHECK_OK(agent->recover());
  return agent;
}

Status SiteAgent::recover() {
  TRIB_TRY(blobs, BlobStore::open(ports_.files, state_dir_ + "/blobs"));
  blobs_ = std::move(blobs);
  models_.emplace(
      *blobs_, ports_.log,
      ModelFetches::Ports{[this](const BlobRef& blob) { download(blob); },
                          [this](const BlobRef& model) { dispatch(ss::BlobArrived{model.digest}); },
                          ports_.downloads});
  TRIB_TRY(results, ResultStore::open(ports_.files, state_dir_ + "/results"));
  results_.emplace(std::move(results));
  std::vector<std::string> damaged;
  TRIB_TRY(kept, results_->load(damaged));
  for (const std::string& file : damaged) {
    ports_.log.record("storage.failed",
                      {{"path", file},
                       {"detail", "a kept result could not be read; its task will be done again"}});
  }
  for (const TaskResult& result : kept) may_serve_[ss::blob_of(result).digest] = result.key;
  TRIB_TRY(left, blobs_->list());
  results_kept_ = kept.size();
  dispatch(ss::Recovered{std::move(kept), std::move(left)});
  return {};
}

void SiteAgent::start() { dispatch(ss::Start{}); }
void SiteAgent::stop() { dispatch(ss::Stop{}); }
void SiteAgent::pass_time() { dispatch(ss::TimePassed{}); }
void SiteAgent::finished(const TaskResult& result) { dispatch(ss::TaskFinished{result}); }

void SiteAgent::progressed(const TaskKey& key, std::uint64_t done, std::uint64_t total) {
  dispatch(ss::TaskProgressed{key, done, total});
}

void SiteAgent::sent_away(const Goodbye& goodbye) { dispatch(ss::SentAway{goodbye}); }

void SiteAgent::linked(std::shared_ptr<Link> link, const Welcome& welcome, std::string peer) {
  link_ = std::move(link);
  peer_ = std::move(peer);
  if (ports_.pace != nullptr) paced_.emplace(*link_, *ports_.pace);
  TransferPort& port = paced_ ? static_cast<TransferPort&>(*paced_) : *link_;
  transfers_.emplace(
      *blobs_, port, [this](const Digest& digest) { return open_own(digest); },
      [this](const BlobRef& blob, const Status& outcome) { fetched(blob, outcome); },
      BlobTransfers::Options{[this](const BlobRef& blob, std::uint64_t offset) {
                               ports_.log.record(
                                   "transfer.resumed",
                                   {{"digest", blob.digest.short_hex()},
                                    {"offset", static_cast<std::int64_t>(offset)},
                                    {"bytes", static_cast<std::int64_t>(blob.bytes)}});
                             },
                             ports_.downloads});
  if (give_up_dial_) {
    link_->close(make_error(ErrorCode::kCancelled, "the site is shutting down"));
  } else {
    if (ports_.audit != nullptr) {
      if (const auto kept = ports_.audit->countersignature()) send(*kept);
    }
    ask_for_news();
    dispatch(ss::Connected{welcome.reconnect_spread_ms});
    if (ports_.sums != nullptr) ports_.sums->again();
  }
}

void SiteAgent::go_on_uploads() {
  if (paced_) paced_->go_on();
}

void SiteAgent::ask_for_news() {
  if (link_ && ports_.ask_news) send(ports_.ask_news());
}

// What is not in the audit log does not leave the site: the next link tries again.
void SiteAgent::send(const Message& message) {
  if (!link_) return;
  const Status noted = ports_.audit == nullptr ? Status{} : ports_.audit->note_sent(message);
  if (noted) return static_cast<void>(link_->send(message).has_value());
  note_failure(noted);
  link_->close(make_error(ErrorCode::kUnavailable, "the site cannot write its audit log"));
}

// A result may have been kept for long: whatever was allowed when it was made is asked for again.
void SiteAgent::send_result(const TaskResult& result) {
  if (std::holds_alternative<TaskFailure>(result.outcome)) return send(result);
  if (distrusts()) return refuse(result.key);
  if (link_ && ports_.withheld) {
    if (const auto failure = ports_.withheld(result.key))
      return send(TaskResult{result.key, *failure});
  }
  send(result);
  const bool may_be_summed = std::holds_alternative<TrainResult>(result.outcome) ||
                             std::holds_alternative<EvaluateResult>(result.outcome);
  if (link_ && ports_.sums != nullptr && may_be_summed) ports_.sums->begin(result.key);
}

// What was allowed when the result was told may not be now: then the site has left the sum.
void SiteAgent::answer_sum(const std::vector<SumAnswer>& answers) {
  for (const SumAnswer& answer : answers) {
    if (!std::holds_alternative<SumAbort>(answer.body)) {
      if (distrusts() || (ports_.withheld && ports_.withheld(answer.key))) {
        send(SumAnswer{answer.key, SumAbort{"withheld", "the site keeps it"}});
        return;
      }
      if (const auto* input = std::get_if<SumInput>(&answer.body))
        may_serve_[input->masked.digest] = answer.key;
    }
    send(answer);
  }
}

// False: it was refused, and the coordinator told so.
bool SiteAgent::take_offer(const Task& task) {
  if (!ss::fault_of(task).empty()) return true;  // the session has to say so
  if (distrusts()) {
    refuse(task.key);
    return false;
  }
  if (!ports_.refusal) return true;
  const auto failure = ports_.refusal(task, session_.has_begun(task.key));
  if (failure) send(TaskResult{task.key, *failure});
  return !failure;
}

void SiteAgent::refuse(const TaskKey& key) {
  ports_.log.record("audit.refused", {{"job", key.job.value},
                                      {"round", std::int64_t{key.round}},
                                      {"attempt", std::int64_t{key.attempt}},
                                      {"task", std::string(task_kind_name(key.kind))},
                                      {"detail", ports_.audit->disputed()}});
  send(TaskResult{key, TaskFailure{Reason::kPolicyDenied,
                                   "the coordinator's audit log does not continue what the site "
                                   "knew of it"}});
}

Status SiteAgent::on_head(const AuditHead& head) {
  if (ports_.audit == nullptr) return {};
  const Result<bool> taken = ports_.audit->take(head, peer_);
  // Another link would bring the same head: this one goes on, and the site with the head it has.
  const bool refused = !taken && taken.error().code == ErrorCode::kUnauthenticated;
  if (refused) {
    ports_.log.record("audit.head_refused", {{"detail", taken.error().message}});
  } else if (!taken) {
    note_failure(taken.error());
    return taken.error();
  } else if (!*taken) {
    return {};
  }
  TRIB_TRY(answer, ports_.audit->countersignature());
  send(answer);
  return {};
}

void SiteAgent::unlinked(const Error& why) {
  transfers_.reset();
  paced_.reset();
  link_.reset();
  dispatch(ss::Disconnected{why});
}

Status SiteAgent::on_message(const Message& message) {
  if (BlobTransfers::is_mine(message)) return transfers_->on_message(message);
  if (const auto* head = std::get_if<AuditHead>(&message)) return on_head(*head);
  if (std::holds_alternative<TrustUpdate>(message) ||
      std::holds_alternative<EnrolAnswer>(message)) {
    if (ports_.news) ports_.news(message);
    return {};
  }
  if (const auto* request = std::get_if<SumRequest>(&message)) {
    // Whom its update is summed with, as it was told before it agreed.
    if (ports_.audit != nullptr) TRIB_CHECK_OK(ports_.audit->note_asked(*request));
    if (ports_.sums != nullptr) ports_.sums->handle(*request);
    return {};
  }
  if (ports_.sums != nullptr) tell_desk(message);
  if (const auto* offer = std::get_if<TaskOffer>(&message);
      offer != nullptr && !take_offer(offer->task))
    return {};
  dispatch(ss::MessageReceived{message});
  return {};
}

// What was trained for a sum is of no more use once its round is committed, or nobody wants it.
void SiteAgent::tell_desk(const Message& message) {
  if (const auto* committed = std::get_if<RoundCommitted>(&message))
    ports_.sums->committed(*committed);
  const auto* verdict = std::get_if<TaskVerdict>(&message);
  if (verdict != nullptr && verdict->reason != Reason::kAccepted &&
      verdict->key.kind == TaskKind::kTrain)
    ports_.sums->committed({verdict->key.job, verdict->key.round});
}

Status SiteAgent::on_chunk(std::uint32_t stream, Chunk chunk) {
  return transfers_->on_chunk(stream, std::move(chunk));
}

// The coordinator may have our results, and nothing else that lies here.
Result<std::unique_ptr<ReadFile>> SiteAgent::open_own(const Digest& digest) const {
  const auto own = may_serve_.find(digest);
  if (own == may_serve_.end())
    return make_error(ErrorCode::kPermissionDenied, "not a result of this site");
  if (distrusts())
    return make_error(ErrorCode::kPermissionDenied, "the site does not trust the audit log");
  if (ports_.withheld && ports_.withheld(own->second))
    return make_error(ErrorCode::kPermissionDenied, "the site keeps it");
  TRIB_TRY(file, blobs_->open_blob(digest));
  if (ports_.audit != nullptr) TRIB_CHECK_OK(ports_.audit->note_upload({digest, file->size()}));
  return file;
}

void SiteAgent::download(const BlobRef& blob) {
  if (transfers_) static_cast<void>(transfers_->fetch(blob).has_value());
}

void SiteAgent::fetched(const BlobRef& blob, const Status& outcome) {
  if (models_->take(blob, outcome)) return;
  if (outcome) return dispatch(ss::BlobArrived{blob.digest});
  note_failure(outcome);
  dispatch(ss::BlobFailed{blob.digest, outcome.error()});
}

// Effects may lead to events at once; those wait until the step under way is done.
void SiteAgent::dispatch(ss::SessionEvent event) {
  events_.push_back(std::move(event));
  if (handling_) return;
  handling_ = true;
  while (!events_.empty()) {
    const ss::SessionEvent next = std::move(events_.front());
    events_.pop_front();
    EffectPerformer performer{*this};
    for (const ss::SessionEffect& effect : session_.handle(ports_.clock.now(), next))
      std::visit(performer, effect);
  }
  handling_ = false;
}

void SiteAgent::note_failure(const Status& status) {
  if (status) return;
  if (status.error().code == ErrorCode::kResourceExhausted) {
    ports_.log.record("disk.full", {{"path", state_dir_}, {"detail", status.error().message}});
  } else if (status.error().code == ErrorCode::kIo) {
    ports_.log.record("storage.failed", {{"path", state_dir_}, {"detail", status.error().message}});
  }
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Session: the link to the coordinator, and what happens after every event. Tasks are in
// session_tasks.cc.
#include "client/session/session.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/limits.h"

namespace tributary::session {

struct Session::Dispatcher {
  Session& self;
  TimePoint now;

  void operator()(const Recovered& e) { self.on_recovered(e); }
  void operator()(const Start&) {
    if (!self.stopping_ && self.link_ == Link::kDown) self.dial_at_ = now;
  }
  void operator()(const Stop&) { self.on_stop(); }
  void operator()(const Connected& e) { self.on_connected(now, e.reconnect_spread_ms); }
  void operator()(const SentAway& e) { self.on_sent_away(now, e.goodbye); }
  void operator()(const Disconnected& e) { self.on_disconnected(now, e.error); }
  void operator()(const MessageReceived& e) {
    // What was under way when the link was given up no longer counts: the coordinator says it again
    // on the next.
    if (self.link_ == Link::kUp) self.on_message(now, e.message);
  }
  void operator()(const BlobArrived& e) { self.on_blob_arrived(e.digest); }
  void operator()(const BlobFailed& e) { self.on_blob_failed(e); }
  void operator()(const TaskProgressed& e) { self.on_progress(now, e); }
  void operator()(const TaskFinished& e) { self.on_finished(e); }
  void operator()(const TimePassed&) {}
};

SessionEffects Session::handle(TimePoint now, const SessionEvent& event) {
  out_.clear();
  std::visit(Dispatcher{*this, now}, event);
  expire(now);
  start_next();
  if (dial_at_ && *dial_at_ <= now && link_ == Link::kDown) {
    dial_at_.reset();
    link_ = Link::kDialing;
    out_.push_back(Dial{});
  }
  release_blobs();
  return std::exchange(out_, {});
}

std::optional<TimePoint> Session::next_wake() const {
  std::optional<TimePoint> wake = dial_at_;
  const auto consider = [&wake](TimePoint at) {
    if (!wake || at < *wake) wake = at;
  };
  for (const Waiting& one : queue_) consider(one.deadline);
  if (running_ && running_->fate == Fate::kWanted) consider(running_->deadline);
  return wake;
}

void Session::on_recovered(const Recovered& event) {
  for (const TaskResult& result : event.results) {
    kept_[result.key] = {.result = result, .accepted = false, .sequence = next_sequence_++};
  }
  held_.insert(event.blobs.begin(), event.blobs.end());
  const std::set<Digest> needed = needed_blobs();
  std::ranges::set_difference(held_, needed, std::inserter(left_, left_.end()));
  if (left_.size() > limits::kLeftBlobsMax) left_.clear();
}

void Session::on_stop() {
  if (stopping_) return;
  stopping_ = true;
  dial_at_.reset();
  queue_.clear();
  stop_running(Fate::kStopping);
  if (link_ == Link::kUp || link_ == Link::kDialing) {
    out_.push_back(CloseLink{make_error(ErrorCode::kCancelled, "the site is shutting down")});
    link_ = Link::kClosing;
  }
}

void Session::on_connected(TimePoint now, std::int64_t reconnect_spread_ms) {
  if (link_ != Link::kDialing) return;  // it came while the link was being given up
  link_ = Link::kUp;
  up_since_ = now;
  proven_ = false;
  reconnect_spread_ms_ = reconnect_spread_ms;
  retry_after_ms_ = 0;
  report("link.connected",
         {{"results_to_offer",
           static_cast<std::int64_t>(std::ranges::count_if(
               kept_, [](const auto& entry) { return !entry.second.accepted; }))}});
  for (const auto& [key, kept] : kept_) {
    if (!kept.accepted) send(kept.result);
  }
  for (const Waiting& one : queue_) fetch_missing(one);
}

void Session::on_sent_away(TimePoint now, const Goodbye& goodbye) {
  if (link_ == Link::kDown) return;
  on_disconnected(now, note_goodbye(goodbye));
}

void Session::on_disconnected(TimePoint now, const Error& error) {
  if (link_ == Link::kDown) return;
  const bool was_up = link_ != Link::kDialing;
  // A coordinator that is killed again and again, and gets on with its work in between, must not
  // wait for us for longer each time.
  const bool proven =
      (link_ == Link::kUp && now - up_since_ >= Milliseconds(limits::kLinkProvenMs)) ||
      std::exchange(proven_, false);
  link_ = Link::kDown;
  if (stopping_) {
    report("link.closed", {{"error", error.message}});
    return;
  }
  if (proven) backoff_.reset();
  const Milliseconds wait = retry_after_ms_ > 0 ? backoff_.after(retry_after_ms_)
                            : was_up            ? backoff_.spread(reconnect_spread_ms_)
                                                : backoff_.next();
  retry_after_ms_ = 0;
  dial_at_ = now + wait;
  report("link.down", {{"code", std::string(error_code_name(error.code))},
                       {"error", error.message},
                       {"retry_ms", std::int64_t{wait.count()}}});
}

void Session::on_message(TimePoint now, const Message& message) {
  if (const auto* offer = std::get_if<TaskOffer>(&message)) return on_offer(now, offer->task);
  if (const auto* cancel = std::get_if<TaskCancel>(&message)) return on_cancel(*cancel);
  if (const auto* verdict = std::get_if<TaskVerdict>(&message)) return on_verdict(*verdict);
  if (const auto* committed = std::get_if<RoundCommitted>(&message))
    return on_committed(*committed);
  if (const auto* goodbye = std::get_if<Goodbye>(&message)) return on_goodbye(*goodbye);
  break_link("the coordinator sent a message that is not for a site");
}

void Session::on_goodbye(const Goodbye& goodbye) {
  out_.push_back(CloseLink{note_goodbye(goodbye)});
  link_ = Link::kClosing;
}

// The reason for the link's end.
Error Session::note_goodbye(const Goodbye& goodbye) {
  retry_after_ms_ = goodbye.retry_after_ms;
  report("link.goodbye", {{"code", std::string(error_code_name(goodbye.code))},
                          {"message", goodbye.message},
                          {"retry_after_ms", goodbye.retry_after_ms}});
  return make_error(goodbye.code, "the coordinator said goodbye: " + goodbye.message);
}

void Session::send(Message message) {
  if (link_ == Link::kUp) out_.push_back(Send{std::move(message)});
}

void Session::break_link(std::string what) {
  if (link_ != Link::kUp) return;
  report("link.protocol_error", {{"error", what}});
  out_.push_back(CloseLink{make_error(ErrorCode::kProtocol, std::move(what))});
  link_ = Link::kClosing;
}

void Session::report(std::string event, std::vector<std::pair<std::string, FieldValue>> fields) {
  out_.push_back(Report{std::move(event), std::move(fields)});
}

void Session::report_task(std::string event, const TaskKey& key,
                          std::vector<std::pair<std::string, FieldValue>> more) {
  std::vector<std::pair<std::string, FieldValue>> fields{
      {"job", key.job.value},
      {"round", std::int64_t{key.round}},
      {"attempt", std::int64_t{key.attempt}},
      {"task", std::string(task_kind_name(key.kind))}};
  std::ranges::move(more, std::back_inserter(fields));
  report(std::move(event), std::move(fields));
}

std::set<Digest> Session::needed_blobs() const {
  std::set<Digest> needed;
  const auto need = [&needed](const Digest& digest) {
    if (!digest.is_none()) needed.insert(digest);
  };
  for (const auto& [key, kept] : kept_) need(blob_of(kept.result).digest);
  for (const Waiting& one : queue_) {
    need(one.task.model.digest);
    need(one.task.model_file.digest);
    if (!one.missing.contains(one.task.model.digest)) continue;
    need(one.task.delta.base);
    need(one.task.delta.blob.digest);
  }
  if (running_) {
    need(running_->task.model.digest);
    need(running_->task.model_file.digest);
  }
  for (const auto& [job, blobs] : job_blobs_) needed.insert(blobs.begin(), blobs.end());
  needed.insert(left_.begin(), left_.end());
  return needed;
}

// Whatever ended, one rule decides what may be deleted: what nothing needs any more.
void Session::release_blobs() {
  std::set<Digest> needed = needed_blobs();
  for (const Digest& digest : held_) {
    if (!needed.contains(digest)) out_.push_back(DropBlob{digest});
  }
  held_ = std::move(needed);
}

}  // namespace tributary::session

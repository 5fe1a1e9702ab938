// SPDX-License-Identifier: Apache-2.0
// Session: all decisions of one site about its coordinator, as (now, event) -> effects. It dials
// for ever with back-off, queues offered tasks, runs one at a time, keeps each finished result
// until its round is committed and offers it again after every reconnect. Owned by the agent, one
// thread. It does no I/O and reads no clock.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/session/backoff.h"
#include "client/session/effects.h"
#include "client/session/events.h"
#include "common/base/clock.h"
#include "common/base/random_source.h"

namespace tributary::session {

// Empty if `task` makes sense; otherwise what is wrong with it.
std::string fault_of(const Task& task);
// The update or initial model that a result names; none for other results.
BlobRef blob_of(const TaskResult& result);

class Session {
 public:
  // `random` spreads the dials; it must outlive the session.
  explicit Session(RandomSource& random) : backoff_(random) {}

  [[nodiscard]] SessionEffects handle(TimePoint now, const SessionEvent& event);
  // When to call handle(TimePassed) at the latest; none while nothing waits for time.
  std::optional<TimePoint> next_wake() const;
  // Whether it waits or runs here, or has a result that another attempt at it would take over.
  bool has_begun(const TaskKey& key) const;
  // After Stop: the link is down and no task runs; the process may end.
  bool stopped() const { return stopping_ && link_ == Link::kDown && !running_; }

 private:
  enum class Link { kDown, kDialing, kUp, kClosing };
  enum class Fate {
    kWanted,
    kStopping,
    kUnwanted
  };  // kStopping: a result that comes all the same is kept

  struct Waiting {
    Task task;
    TimePoint deadline;
    std::set<Digest> missing;
  };
  struct Running {
    Task task;
    TimePoint deadline;
    Fate fate = Fate::kWanted;
    std::optional<TimePoint> reported;
  };
  struct Kept {
    TaskResult result;
    bool accepted = false;       // answered, and kept until the round is committed
    std::uint64_t sequence = 0;  // order of finishing
  };
  struct Dispatcher;

  // --- link (session.cc) ---
  void on_recovered(const Recovered& event);
  void on_stop();
  void on_connected(TimePoint now, std::int64_t reconnect_spread_ms);
  void on_sent_away(TimePoint now, const Goodbye& goodbye);
  void on_disconnected(TimePoint now, const Error& error);
  void on_message(TimePoint now, const Message& message);
  void on_goodbye(const Goodbye& goodbye);
  Error note_goodbye(const Goodbye& goodbye);
  void send(Message message);
  void break_link(std::string what);
  void report(std::string event, std::vector<std::pair<std::string, FieldValue>> fields);
  void report_task(std::string event, const TaskKey& key,
                   std::vector<std::pair<std::string, FieldValue>> more = {});
  void release_blobs();
  std::set<Digest> needed_blobs() const;

  // --- tasks (session_tasks.cc) ---
  void on_offer(TimePoint now, const Task& task);
  void on_cancel(const TaskCancel& cancel);
  void on_verdict(const TaskVerdict& verdict);
  void on_committed(const RoundCommitted& committed);
  void on_blob_arrived(const Digest& digest);
  void on_blob_failed(const BlobFailed& event);
  void on_progress(TimePoint now, const TaskProgressed& event);
  void on_finished(const TaskFinished& event);
  bool answer_again(TimePoint now, const Task& task);
  void take_over_result(const TaskKey& by);
  void drop_overtaken(const TaskKey& by);
  void enqueue(TimePoint now, const Task& task);
  void fetch_missing(const Waiting& one);
  void note_job_blobs(const Task& task);
  bool drop_task(const TaskKey& key, std::string_view why);
  void stop_running(Fate fate);
  void keep(TaskResult result);
  void forget(const TaskKey& key);
  void expire(TimePoint now);
  void start_next();

  Backoff backoff_;
  Link link_ = Link::kDown;
  bool stopping_ = false;
  std::optional<TimePoint> dial_at_;
  TimePoint up_since_;
  bool proven_ = false;  // since the link is up, a result was taken or a round committed
  std::int64_t retry_after_ms_ = 0;       // from the last Goodbye
  std::int64_t reconnect_spread_ms_ = 0;  // from the last Welcome
  std::deque<Waiting> queue_;
  std::optional<Running> running_;
  std::map<TaskKey, Kept> kept_;
  std::set<Digest> left_;  // blobs of an earlier life that a task may still want
  std::uint64_t next_sequence_ = 0;
  std::deque<std::pair<JobId, std::set<Digest>>>
      job_blobs_;          // latest models by job, least recently used first
  std::set<Digest> held_;  // blobs asked for or made, and not dropped yet
  SessionEffects out_;     // of the event that is being handled
};

}  // namespace tributary::session

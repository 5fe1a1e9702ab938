// SPDX-License-Identifier: Apache-2.0
// A session with a hand-moved clock, and shorthands for what it said. Tests only.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/session/session.h"

namespace tributary::session {

inline Digest digest_of(int n) {
  Digest digest;
  digest.bytes[0] = static_cast<std::byte>(n);
  digest.bytes[1] = static_cast<std::byte>(n >> 8);
  return digest;
}

inline Task make_task(TaskKind kind, RoundNumber round = 0, const std::string& job = "heart-1",
                      AttemptNumber attempt = 1) {
  Task task;
  task.key = {JobId{job}, round, attempt, kind};
  task.document = "name: heart";
  task.deadline_ms = 60'000;
  if (round > 0) task.model = {digest_of(static_cast<int>(round)), 100};
  return task;
}

inline TaskResult trained(const Task& task, int blob = 1000) {
  TrainResult result;
  result.update = {digest_of(blob), 100};
  result.examples = 10;
  return {task.key, result};
}

class Harness {
 public:
  SessionEffects handle(const SessionEvent& event) { return last = session.handle(now, event); }
  SessionEffects receive(Message message) { return handle(MessageReceived{std::move(message)}); }
  SessionEffects offer(const Task& task) { return receive(TaskOffer{task}); }
  SessionEffects pass(std::int64_t ms) {
    now = now + Milliseconds(ms);
    return handle(TimePassed{});
  }
  void connect() {
    if (!std::exchange(started_, true)) handle(Start{});
    while (count<Dial>() == 0) pass((*session.next_wake() - now).count());
    handle(Connected{});
  }
  // Offers `task`, lets its model arrive, and lets it finish with `result`.
  void run(const Task& task, const TaskResult& result) {
    offer(task);
    if (!task.model.digest.is_none()) handle(BlobArrived{task.model.digest});
    handle(TaskFinished{result});
  }

  template <typename T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const SessionEffect& effect : last) {
      if (const auto* one = std::get_if<T>(&effect)) found.push_back(*one);
    }
    return found;
  }
  template <typename T>
  std::size_t count() const {
    return all<T>().size();
  }
  template <typename M>
  std::vector<M> sent() const {
    std::vector<M> found;
    for (const Send& send : all<Send>()) {
      if (const auto* one = std::get_if<M>(&send.message)) found.push_back(*one);
    }
    return found;
  }
  std::vector<std::string> reports() const {
    std::vector<std::string> names;
    for (const Report& report : all<Report>()) names.push_back(report.event);
    return names;
  }

  SeededRandom random{7};
  Session session{random};
  TimePoint now{1000};
  SessionEffects last;

 private:
  bool started_ = false;
};

}  // namespace tributary::session

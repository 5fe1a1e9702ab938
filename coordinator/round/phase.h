// SPDX-License-Identifier: Apache-2.0
// Phase: one fan-out of a task to a set of sites: who was asked, what became of each, and when it
// is over. Every participant ends with a reason; the wait always has an end (deadline, or everyone
// answered or was lost). Owned by JobMachine, engine thread. It sends nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/domain/messages.h"
#include "common/domain/task.h"

namespace tributary {

struct Participant {
  Reason reason = Reason::kPending;
  TimePoint asked;
  std::optional<TimePoint> lost_link;  // since when it is off the link
  std::optional<TaskResult> result;    // came in, not yet judged (upload or check under way)
  bool checking = false;               // the update is here and with the CPU pool
  // The update that it announced last: what has arrived of it is kept while it is off the link.
  Digest update;
  // We could not store or read the update (disk, descriptors): when it is fetched again.
  std::optional<TimePoint> fetch_again_at;
  ParticipantRow row;  // what the round's record says of it
};

class Phase {
 public:
  Phase() = default;
  Phase(TaskKind kind, RoundNumber round, AttemptNumber attempt, TimePoint deadline,
        std::uint32_t quorum)
      : kind_(kind), round_(round), attempt_(attempt), deadline_(deadline), quorum_(quorum) {}

  TaskKind kind() const { return kind_; }
  TimePoint deadline() const { return deadline_; }
  std::uint32_t quorum() const { return quorum_; }
  TaskKey key(const JobId& job) const { return {job, round_, attempt_, kind_}; }

  void add(const SiteName& site, TimePoint now, bool online);
  // The participant if it is part of this phase and still pending; null otherwise.
  Participant* pending(const SiteName& site);
  void settle(const SiteName& site, TimePoint now, Reason reason, std::string detail);

  // Settles everyone who has been off the link for the grace time, and everyone at the deadline.
  // Returns the sites settled now, in name order.
  std::vector<SiteName> expire(TimePoint now, Milliseconds disconnect_grace);
  // None while only checks are awaited, which come back by themselves.
  std::optional<TimePoint> next_wake(Milliseconds disconnect_grace) const;
  // Pending participants whose update is due to be fetched again; asked once, they are due no more.
  std::vector<SiteName> take_due_fetches(TimePoint now);

  bool over() const;  // nobody is pending
  std::uint32_t accepted() const;
  std::vector<SiteName> awaited() const;  // pending, in name order
  std::vector<SiteName> with(Reason reason) const;
  std::map<SiteName, Participant>& participants() { return participants_; }
  const std::map<SiteName, Participant>& participants() const { return participants_; }

 private:
  TaskKind kind_ = TaskKind::kPrepare;
  RoundNumber round_ = 0;
  AttemptNumber attempt_ = 1;
  TimePoint deadline_;
  std::uint32_t quorum_ = 1;
  std::map<SiteName, Participant> participants_;
};

}  // namespace tributary

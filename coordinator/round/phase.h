// SPDX-License-Identifier: Apache-2.0
// Phase: one fan-out of a task to a set of sites: who was asked, what became of each, and when it
// is over. Every participant ends with a reason; every wait has an end. Owned by JobMachine, engine
// thread. It sends nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/domain/messages.h"
#include "common/domain/task.h"
#include "coordinator/round/job_record.h"
#include "coordinator/round/watch.h"

namespace tributary {

struct Participant {
  TaskKey key;    // of the task it works on: an earlier round's where it is late
  BlobRef model;  // that the task starts from
  TimePoint asked;
  TimePoint deadline;
  Reason reason = Reason::kPending;
  // A round has closed without it, or its deadline has passed, and its update still counts: a round
  // that has enough does not wait for it.
  bool late = false;
  std::optional<TimePoint> lost_link;  // since when it is off the link
  std::optional<TaskResult> result;    // came in, not yet judged (upload or check under way)
  bool checking = false;               // the update is here and with the CPU pool
  bool checked = false;                // it passed while no round could take it: the next one does
  // The update that it announced last: what has arrived of it is kept while it is off the link.
  Digest update;
  // We could not store or read the update (disk, descriptors): when it is fetched again.
  std::optional<TimePoint> fetch_again_at;
  ParticipantRow row;  // what the round's record says of it
};

// One whose update was accepted before the phase that it is in.
Participant accepted_before(const AcceptedUpdate& update);

using Participants = std::map<SiteName, Participant>;

// How many of them were asked for this round; the others are late from earlier ones.
std::size_t asked_for(RoundNumber round, const Participants& participants);

struct PhaseRules {
  // Its result is needed whatever the others are, and is none of those that are counted here.
  std::optional<SiteName> root = {};
  std::uint32_t quorum = 1;          // accepted results that are enough once the waits are over
  std::uint32_t target = 0;          // accepted results that end the waits; 0: none does
  Milliseconds grace{0};             // then, and past the deadline: for uploads under way
  Milliseconds disconnect_grace{0};  // a site off the link for longer is lost
  Milliseconds extension{0};         // not 0: who misses the deadline is late, and has so long
  bool waits_for_late = false;  // async: nobody is late for a round, everybody counts in the next
};

// When a pending participant is to be looked at again by these rules; none while its update is
// being checked, which comes back by itself, or waits for a round that takes it.
std::optional<TimePoint> wake_of(const Participant& one, const PhaseRules& rules);
struct Expiry {
  Reason reason;
  const char* detail;
};
// Why its wait is over, if it is.
std::optional<Expiry> expiry_of(const Participant& one, const PhaseRules& rules, TimePoint now);

// Why what a site sent does not count.
struct Refusal {
  Reason reason;
  std::string detail;
};

class Phase {
 public:
  Phase(TaskKey key, PhaseRules rules) : key_(std::move(key)), rules_(rules) {}

  const TaskKey& key() const { return key_; }  // of whoever is asked in this phase
  TaskKind kind() const { return key_.kind; }
  const PhaseRules& rules() const { return rules_; }
  void set_rules(const PhaseRules& rules);

  void ask(const SiteName& site, TimePoint now, Milliseconds time, const BlobRef& model,
           bool online);
  void join(const SiteName& site, Participant one);  // as it is, from an earlier phase
  // The participant if it is part of this phase and still pending; null otherwise. Through what is
  // returned it may be changed until the next question about the phase.
  const Participant* pending(const SiteName& site) const;
  Participant* pending(const SiteName& site);
  void settle(const SiteName& site, TimePoint now, Reason reason, std::string detail);
  // Takes those out that are still at work, to join a later phase. Their rows stay, as late, where
  // it was this phase that asked them.
  Participants take_pending(TimePoint now);

  // Settles everyone whose time is over, or makes it late. Returns the sites settled now, in name
  // order.
  std::vector<SiteName> expire(TimePoint now);
  // When a participant is to be looked at, the first of them; none while only checks are awaited,
  // which come back by themselves.
  std::optional<TimePoint> next_look() const { return watch().first_wake(); }
  // The same, or when the phase closes without.
  std::optional<TimePoint> next_wake() const;

  bool full() const { return rules_.target > 0 && accepted_ >= rules_.target && has_root(); }
  bool enough() const;    // for the phase to have come to its end
  bool has_root() const;  // or needs none
  // Nothing more is waited for. Moves the end of the waits where the target is reached.
  bool over(TimePoint now);
  std::uint32_t accepted() const { return accepted_; }  // without the root's
  std::size_t still_pending() const { return pending_; }
  std::vector<SiteName> asked() const;  // in this phase, not in an earlier one; in name order
  std::vector<SiteName> awaited() const { return with(Reason::kPending); }  // in name order
  std::vector<SiteName> with(Reason reason) const;
  bool has(const SiteName& site) const { return participants_.contains(site); }
  const Participants& participants() const { return participants_; }
  const Participant& at(const SiteName& site) const { return participants_.at(site); }
  // For what is no decision: rows and results. Not for reasons, which settle() keeps count of.
  Participant& at(const SiteName& site);

 private:
  const Watch& watch() const;
  TaskKey key_;
  PhaseRules rules_;
  Participants participants_;
  std::uint32_t accepted_ = 0;
  std::size_t pending_ = 0;
  std::optional<TimePoint> closes_at_;  // the target is reached
  mutable Watch watch_;
  mutable std::set<SiteName> changed_;  // since the watch was told
};

}  // namespace tributary

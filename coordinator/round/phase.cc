// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/phase.h"

#include <algorithm>
#include <utility>

#include "common/base/assert.h"

namespace tributary {
namespace {

// Also while it is off the link in the middle of its upload, which then goes on where it stopped.
bool uploading(const Participant& one) { return one.result || !one.update.is_none(); }

// When this participant's time is over: its deadline, later with an upload under way.
TimePoint end_of(const Participant& one, const PhaseRules& rules) {
  return uploading(one) ? one.deadline + rules.grace : one.deadline;
}

}  // namespace

Participant accepted_before(const AcceptedUpdate& update) {
  Participant one;
  one.key = update.key;
  one.reason = Reason::kAccepted;
  one.result = TaskResult{update.key, update.result};
  one.update = update.result.update.digest;
  one.row.site = update.site;
  one.row.kind = task_kind_name(TaskKind::kTrain);
  one.row.reason = reason_name(Reason::kAccepted);
  one.row.bytes = update.result.update.bytes;
  one.row.examples = update.result.examples;
  one.row.seconds = update.result.seconds;
  one.row.loss = update.result.train_loss;
  one.row.norm = update.norm;
  return one;
}

std::optional<TimePoint> wake_of(const Participant& one, const PhaseRules& rules) {
  if (one.checking || one.checked) return std::nullopt;
  TimePoint wake = end_of(one, rules);
  if (one.lost_link) wake = std::min(wake, *one.lost_link + rules.disconnect_grace);
  if (one.fetch_again_at) wake = std::min(wake, *one.fetch_again_at);
  return wake;
}

std::optional<Expiry> expiry_of(const Participant& one, const PhaseRules& rules, TimePoint now) {
  if (one.checking || one.checked) return std::nullopt;
  if (now >= end_of(one, rules)) {
    if (one.lost_link) return Expiry{Reason::kDisconnected, "off the link at the deadline"};
    if (one.fetch_again_at)
      return Expiry{Reason::kStorageFailed, "the coordinator could not store the update"};
    if (uploading(one)) return Expiry{Reason::kUploadFailed, "upload not finished at the deadline"};
    return Expiry{Reason::kDeadline, "no result by the deadline"};
  }
  if (one.lost_link && now >= *one.lost_link + rules.disconnect_grace)
    return Expiry{Reason::kDisconnected, "off the link for longer than the grace time"};
  return std::nullopt;
}

void Phase::ask(const SiteName& site, TimePoint now, Milliseconds time, const BlobRef& model,
                bool online) {
  Participant one;
  one.key = key_;
  one.model = model;
  one.asked = now;
  one.deadline = now + time;
  if (!online) one.lost_link = now;
  one.row.site = site;
  one.row.kind = task_kind_name(key_.kind);
  one.row.reason = reason_name(Reason::kPending);
  join(site, std::move(one));
}

void Phase::join(const SiteName& site, Participant one) {
  TRIB_ASSERT(!participants_.contains(site), "a site takes part once");
  if (one.reason == Reason::kPending) ++pending_;
  if (one.reason == Reason::kAccepted && site != rules_.root) ++accepted_;
  participants_.emplace(site, std::move(one));
  changed_.insert(site);
}

const Participant* Phase::pending(const SiteName& site) const {
  const auto found = participants_.find(site);
  return found != participants_.end() && found->second.reason == Reason::kPending ? &found->second
                                                                                  : nullptr;
}

Participant* Phase::pending(const SiteName& site) {
  changed_.insert(site);
  return const_cast<Participant*>(std::as_const(*this).pending(site));
}

Participant& Phase::at(const SiteName& site) {
  changed_.insert(site);
  return participants_.at(site);
}

void Phase::set_rules(const PhaseRules& rules) {
  rules_ = rules;
  for (const auto& [site, one] : participants_) changed_.insert(site);
}

const Watch& Phase::watch() const {
  for (const SiteName& site : std::exchange(changed_, {})) {
    const Participant* one = pending(site);
    if (one == nullptr) {
      watch_.forget(site);
    } else {
      watch_.note(site, {one->checking, one->late, uploading(*one), wake_of(*one, rules_)});
    }
  }
  return watch_;
}

void Phase::settle(const SiteName& site, TimePoint now, Reason reason, std::string detail) {
  Participant* one = pending(site);
  TRIB_ASSERT(one != nullptr, "only a pending participant can be settled");
  TRIB_ASSERT(reason != Reason::kPending, "a participant is settled with a reason");
  one->reason = reason;
  one->row.reason = reason_name(reason);
  one->row.detail = std::move(detail);
  if (one->row.seconds == 0.0)
    one->row.seconds = static_cast<double>((now - one->asked).count()) / 1000.0;
  --pending_;
  if (reason == Reason::kAccepted && site != rules_.root) ++accepted_;
}

bool Phase::enough() const { return accepted_ >= rules_.quorum && has_root(); }

bool Phase::has_root() const {
  if (!rules_.root) return true;
  const auto found = participants_.find(*rules_.root);
  return found != participants_.end() && found->second.reason == Reason::kAccepted;
}

std::size_t asked_for(RoundNumber round, const Participants& participants) {
  return static_cast<std::size_t>(std::ranges::count_if(
      participants, [round](const auto& entry) { return entry.second.key.round == round; }));
}

Participants Phase::take_pending(TimePoint now) {
  Participants taken;
  for (const SiteName& site : awaited()) {
    Participant& one = participants_.at(site);
    if (!one.late) one.deadline = one.deadline + rules_.extension;
    one.late = true;
    taken.emplace(site, one);
    if (one.key == key_) {
      settle(site, now, Reason::kLate, "not done when the round closed");
    } else {
      participants_.erase(site);
      changed_.insert(site);
      --pending_;
    }
  }
  return taken;
}

std::vector<SiteName> Phase::expire(TimePoint now) {
  std::vector<SiteName> settled;
  if (const auto look = next_look(); !look || now < *look) return settled;
  for (auto& [site, one] : participants_) {
    if (one.reason != Reason::kPending) continue;
    const std::optional<Expiry> expiry = expiry_of(one, rules_, now);
    if (!expiry) continue;
    if (rules_.extension.count() > 0 && !one.late && now >= one.deadline) {
      one.late = true;
      one.deadline = now + rules_.extension;
      changed_.insert(site);
      continue;
    }
    settle(site, now, expiry->reason, expiry->detail);
    settled.push_back(site);
  }
  return settled;
}

std::optional<TimePoint> Phase::next_wake() const {
  std::optional<TimePoint> wake = next_look();
  // A check is waited for past any end.
  if (closes_at_ && !watch_.any_checking() && (!wake || *closes_at_ < *wake)) wake = closes_at_;
  return wake;
}

bool Phase::over(TimePoint now) {
  if (pending_ == 0) return true;
  // An asynchronous version is made of so many updates and no more: the next one goes into the
  // next.
  if (rules_.waits_for_late && full()) return true;
  if (watch().any_checking()) return false;
  if (full()) {
    if (!closes_at_) closes_at_ = now + rules_.grace;
    return !watch().any_uploading_in_time() || now >= *closes_at_;
  }
  const bool awaited = rules_.waits_for_late || watch().any_in_time();
  // Below the quorum those who are late are better than another attempt.
  return !awaited && enough();
}

std::vector<SiteName> Phase::asked() const {
  std::vector<SiteName> sites;
  for (const auto& [site, one] : participants_) {
    if (one.key == key_) sites.push_back(site);
  }
  return sites;
}

std::vector<SiteName> Phase::with(Reason reason) const {
  std::vector<SiteName> sites;
  for (const auto& [site, one] : participants_) {
    if (one.reason == reason) sites.push_back(site);
  }
  return sites;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// JobMachine: sums that nobody sees the parts of. What sites tell is that they are ready; the sum
// is made among those, and what comes out is folded as if one site had sent it.
#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "coordinator/round/job_machine.h"
#include "coordinator/round/made_sums.h"
#include "coordinator/round/privacy_budget.h"

namespace tributary {
namespace {

// A site's word for it (common/privacy/secagg/abort_reason.h).
constexpr std::string_view kSiteBudgetSpent = "budget_spent";

// A site also counts the sums that failed after it gave its input, and gives to no more than the
// job's budget has room for: where no sum can be made without those, the job is at its end.
std::string budget_of_sites(const SumNotMade& event, std::size_t ready, std::size_t least) {
  const auto spent = static_cast<std::size_t>(std::ranges::count_if(
      event.left, [](const auto& left) { return left.second.starts_with(kSiteBudgetSpent); }));
  if (spent == 0 || ready >= spent + std::max<std::size_t>(least, limits::kSitesOfASumMin))
    return {};
  return "the budget privacy.sites.max_epsilon is spent at " + std::to_string(spent) + " of " +
         std::to_string(ready) + " sites, which count the sums that failed too";
}

}  // namespace

void JobMachine::make_sum(TimePoint now, RoundEffects& out) {
  const bool training = phase_->kind() == TaskKind::kTrain;
  finishing_since_ = now;
  out.push_back(MakeSum{phase_->key(), phase_->with(Reason::kAccepted), record_.model,
                        training ? phase_->rules().quorum : 0,
                        training ? clip_for_sites(record_, spec_) : 0.0});
}

// Who is not in the sum is told so in the record, and in the log.
void JobMachine::leave_out(const std::map<SiteName, std::string>& left, RoundEffects& out) {
  for (const auto& [site, why] : left) {
    if (!phase_->has(site)) continue;
    Participant& one = phase_->at(site);
    if (one.reason != Reason::kAccepted) continue;
    ++record_.shortfalls[site];
    uncount(record_.history[site], one.key.round);
    one.row.reason = reason_name(Reason::kSecureSumFailed);
    one.row.detail = why;
    report_outcome(site, one, out);
  }
}

// Who is in a sum that was begun before a restart, and was not waited for after it: the record of
// the round names it, and it is told when the round is committed.
void JobMachine::take_in(const std::vector<SiteName>& also, RoundEffects& out) {
  for (const SiteName& site : also) {
    if (!phase_->has(site)) {
      AcceptedUpdate before;
      before.key = phase_->key();
      before.site = site;
      phase_->join(site, accepted_before(before));
    }
    Participant& one = phase_->at(site);
    one.row.kind = task_kind_name(phase_->kind());
    one.row.reason = reason_name(Reason::kAccepted);
    one.row.detail = "its input was in the sum before the coordinator crashed";
    if (phase_->kind() == TaskKind::kTrain) {
      ++record_.history[site].accepted;
      record_.history[site].count(phase_->key().round);
    }
    report_outcome(site, one, out);
  }
}

void JobMachine::on_sum_made(TimePoint now, const SumMade& event, RoundEffects& out) {
  if (!finishing_since_ || !phase_ || phase_->key() != event.key) return;
  leave_out(event.left, out);
  take_in(event.also, out);
  if (event.key.kind == TaskKind::kEvaluate) {
    finishing_since_.reset();
    return conclude_evaluation(now, event.counts, {}, out);
  }
  const std::uint64_t heaviest = heaviest_of(event.sums, weight_max());
  for (const AcceptedUpdate& sum : event.sums) {
    carried_.emplace(sum.site, accepted_before(sum));
    out.push_back(SaveAccepted{sum});
    out.push_back(AbsorbUpdate{sum, heaviest, weight_all(), clip_of(record_)});
  }
  out.push_back(FinishRound{record_.id, record_.round + 1});
}

// Their trainings are kept by the sites: another attempt costs only the sum.
void JobMachine::on_sum_not_made(TimePoint now, const SumNotMade& event, RoundEffects& out) {
  if (!finishing_since_ || !phase_ || phase_->key() != event.key) return;
  finishing_since_.reset();
  leave_out(event.left, out);
  if (event.key.kind == TaskKind::kEvaluate) return conclude_evaluation(now, {}, {}, out);
  for (const SiteName& site : phase_->with(Reason::kAccepted))
    uncount(record_.history[site], event.key.round);
  if (const std::string why = budget_of_sites(event, phase_->accepted(), phase_->rules().quorum);
      !why.empty())
    return finish(now, JobState::kFinished, why, out);
  retry(now, "no secure sum: " + event.detail + faults_of_sites(), out);
  carried_.clear();
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// JobMachine: sums that nobody sees the parts of. What sites tell is that they are ready; the sum
// is made among those, and what comes out is folded as if one site had sent it.
#include <algorithm>
#include <utility>

#include "coordinator/round/job_machine.h"
#include "coordinator/round/privacy_budget.h"

namespace tributary {

void JobMachine::make_sum(TimePoint now, RoundEffects& out) {
  const bool training = phase_->kind() == TaskKind::kTrain;
  finishing_since_ = now;
  out.push_back(MakeSum{phase_->key(), phase_->with(Reason::kAccepted), record_.model,
                        training ? phase_->rules().quorum : 0});
}

// Who is not in the sum is told so in the record, and in the log.
void JobMachine::leave_out(const std::map<SiteName, std::string>& left, RoundEffects& out) {
  for (const auto& [site, why] : left) {
    if (!phase_->has(site)) continue;
    Participant& one = phase_->at(site);
    if (one.reason != Reason::kAccepted) continue;
    ++record_.shortfalls[site];
    SiteHistory& history = record_.history[site];
    if (history.counted == one.key.round) history.counted = history.counted_before;
    one.row.reason = reason_name(Reason::kSecureSumFailed);
    one.row.detail = why;
    report_outcome(site, one, out);
  }
}

void JobMachine::on_sum_made(TimePoint now, const SumMade& event, RoundEffects& out) {
  if (!finishing_since_ || !phase_ || phase_->key() != event.key) return;
  leave_out(event.left, out);
  if (event.key.kind == TaskKind::kEvaluate) {
    finishing_since_.reset();
    return conclude_evaluation(now, event.counts, {}, out);
  }
  for (const AcceptedUpdate& sum : event.sums) {
    carried_.emplace(sum.site, accepted_before(sum));
    out.push_back(SaveAccepted{sum});
    out.push_back(AbsorbUpdate{sum, weight_max(), weight_all(), clip_of(record_)});
  }
  out.push_back(FinishRound{record_.id, record_.round + 1});
}

// Their trainings are kept by the sites: another attempt costs only the sum.
void JobMachine::on_sum_not_made(TimePoint now, const SumNotMade& event, RoundEffects& out) {
  if (!finishing_since_ || !phase_ || phase_->key() != event.key) return;
  finishing_since_.reset();
  leave_out(event.left, out);
  if (event.key.kind == TaskKind::kEvaluate) return conclude_evaluation(now, {}, {}, out);
  retry(now, "no secure sum: " + event.detail + faults_of_sites(), out);
  carried_.clear();
}

}  // namespace tributary

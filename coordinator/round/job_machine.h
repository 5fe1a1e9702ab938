// SPDX-License-Identifier: Apache-2.0
// JobMachine: the life of one job as a state machine: prepare, initialize, then rounds of train and
// evaluate. Owned by Engine, engine thread only. Effects are appended to the `out` given to each
// call; it performs none itself, reads no clock, and makes every choice from the job's seed, its
// record and sites in name order, so that a run can be replayed.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/round/effects.h"
#include "coordinator/round/events.h"
#include "coordinator/round/phase.h"
#include "coordinator/round/roster.h"
#include "coordinator/round/site_turns.h"

namespace tributary {
struct Draw;

class JobMachine {
 public:
  JobMachine(JobRecord record, JobSpec spec);

  const JobRecord& record() const { return record_; }
  const JobSpec& spec() const { return spec_; }  // with the changes of operators
  bool over() const { return is_over(record_.state); }
  bool paused() const { return record_.changes.paused.value_or(false); }
  bool running() const { return !over() && !paused() && record_.state != JobState::kQueued; }
  bool waiting() const { return !waiting_for_.empty(); }
  // Too few sites are there: for how many it waits, and who is away. Empty: it does not wait.
  const std::string& waiting_for() const { return waiting_for_; }
  // What `site` is doing for this job ("train round 3"), empty when nothing.
  std::string activity_of(const SiteName& site) const;
  // The phase that runs now, as its record would be; none between phases.
  std::optional<RoundRow> under_way(TimePoint now) const;
  bool awaits(const SiteName& site, const TaskKey& key) const;
  std::vector<SiteName> working_sites() const;
  // A model of this job is being stored; an event with its digest ends this.
  bool storing() const { return finishing_since_ || !initial_models_.empty(); }
  void add_blobs_in_use(std::set<Digest>& used) const;

  // --- what operators and restarts do (job_control.cc) ---
  void start(RoundEffects& out);  // the job's turn has come
  void resume(TimePoint now, const JobRecovered& event, RoundEffects& out);
  void abort(TimePoint now, const JobAbortRequested& event, RoundEffects& out);
  void change(TimePoint now, const JobChangeRequested& event, const Roster& roster,
              RoundEffects& out);
  // A site that is on the link, or was: it may be waited for by name.
  void know(const SiteName& site, const std::vector<std::string>& datasets);
  void bar(const SiteName& site, const std::string& why) { barred_[site] = why; }
  void allow(const SiteName& site) { barred_.erase(site); }

  // --- what comes back from sites and from the driver (job_results.cc) ---
  void on_connected(TimePoint now, const SiteName& site, RoundEffects& out);
  void on_disconnected(TimePoint now, const SiteName& site);
  void on_barred(TimePoint now, const SiteName& site, const std::string& why, RoundEffects& out);
  void on_returned(TimePoint now, const SiteReturned& event, RoundEffects& out);
  void on_update_arrived(const UpdateArrived& event, RoundEffects& out);
  void on_update_lost(TimePoint now, const UpdateLost& event, RoundEffects& out);
  void on_update_checked(TimePoint now, const UpdateChecked& event, RoundEffects& out);
  void on_initial_model_stored(const InitialModelStored& event, RoundEffects& out);
  void on_initial_model_failed(TimePoint now, const InitialModelFailed& event, RoundEffects& out);
  void on_round_finished(TimePoint now, const RoundFinished& event, RoundEffects& out);
  void on_round_not_finished(TimePoint now, const RoundNotFinished& event, RoundEffects& out);
  void on_sum_made(TimePoint now, const SumMade& event, RoundEffects& out);
  void on_sum_not_made(TimePoint now, const SumNotMade& event, RoundEffects& out);

  // --- after every event, in this order, until nothing changes (job_machine.cc) ---
  void expire(TimePoint now, RoundEffects& out);  // waits whose time has come
  // Opens the next phase, or asks more sites in an open one; true if it did.
  bool open(TimePoint now, const Roster& roster, SiteTurns& turns, RoundEffects& out);
  bool close(TimePoint now, RoundEffects& out);  // the phase that is over; true if one was
  std::optional<TimePoint> next_wake() const;

 private:
  // --- whom to ask (job_cohort.cc) ---
  bool asynchronous() const { return spec_.rounds.mode == RoundMode::kAsync; }
  // Of the rule, for the phases that cannot do without it.
  std::optional<SiteName> root_for(TaskKind kind) const;
  // Why the root cannot do its part of the next phase; empty: it can, or has, or there is none.
  std::string root_lacks(TaskKind kind, const Roster& roster) const;
  std::vector<SiteName> with_root(TaskKind kind, const Roster& roster,
                                  std::vector<SiteName> sites) const;
  std::uint32_t quorum() const;  // 0: all that are asked
  std::vector<SiteName> candidates(TaskKind kind, const Roster& roster) const;
  std::vector<SiteName> choose(TaskKind kind, const Roster& roster, const SiteTurns& turns) const;
  std::vector<SiteName> choose_least_failed(std::vector<SiteName> sites, std::size_t count,
                                            const Draw& draw) const;
  // The most rows that an update counts for: the job's cap, or what the largest site had at its
  // start. Fixed for the whole job, so that the resolution of its sums is too.
  std::uint64_t weight_max() const;
  std::uint64_t weight_all() const;  // of the sites that prepared, together: as fixed
  std::size_t sites_needed(TaskKind kind) const;
  bool reopens(TaskKind kind) const;  // the round that was under way when the coordinator stopped
  std::size_t carried_sites() const;  // without the root
  std::string hopeless(TaskKind kind, const Roster& roster) const;  // empty: waiting may help
  bool enough_sites(TimePoint now, TaskKind kind, const Roster& roster, RoundEffects& out);
  bool all_back(TimePoint now, TaskKind kind, const Roster& roster);
  void wait_for_turn(std::vector<SiteName> sites, const SiteTurns& turns);
  bool postpone(TimePoint now, const std::string& why, RoundEffects& out);

  // --- phases (job_machine.cc) ---
  void open_phase(TimePoint now, TaskKind kind, const std::vector<SiteName>& sites,
                  const Roster& roster, RoundEffects& out);
  Milliseconds time_for(TaskKind kind, const std::vector<SiteName>& sites) const;
  PhaseRules rules_for(TaskKind kind, std::size_t asked) const;
  void expire_initial_model(TimePoint now, RoundEffects& out);
  void expire_late(TimePoint now, RoundEffects& out);
  void take_up_late(TimePoint now, RoundEffects& out);
  void ask(TimePoint now, const std::vector<SiteName>& sites, const Roster& roster,
           RoundEffects& out);
  bool ask_more(TimePoint now, const Roster& roster, SiteTurns& turns, RoundEffects& out);
  void offer(TimePoint now, const SiteName& site, RoundEffects& out);
  void save(RoundEffects& out);  // the record, with those who are late now

  // --- results (job_results.cc) ---
  const Participant* working(const SiteName& site) const;  // in the phase, or late and in none
  Participant* working(const SiteName& site);
  Participant* awaited(const SiteName& site, const TaskKey& key);
  void fetch_again(TimePoint now, const SiteName& site, const std::string& why, RoundEffects& out);
  void fold(TimePoint now, const SiteName& site, RoundEffects& out);
  void ask_for_all_again(TimePoint now, const RoundNotFinished& event, RoundEffects& out);
  void drop_accepted(const SiteName& site, const TaskKey& key, RoundNumber into, RoundEffects& out);
  void settle(TimePoint now, const SiteName& site, Reason reason, const std::string& detail,
              RoundEffects& out);
  void drop_late(const SiteName& site, Reason reason, const std::string& detail, RoundEffects& out);
  std::optional<Refusal> refusal_of(const TaskOutcome& outcome, const Participant& one) const;
  void answer_unexpected(const SiteReturned& event, RoundEffects& out) const;

  // --- ends of phases (job_closing.cc) ---
  void close_prepare(TimePoint now, RoundEffects& out);
  void close_initialize(TimePoint now, RoundEffects& out);
  void close_dry_run(TimePoint now, const std::string& what, RoundEffects& out);
  void close_train(TimePoint now, RoundEffects& out);
  void close_evaluate(TimePoint now, RoundEffects& out);
  void conclude_evaluation(TimePoint now, const EvaluationCounts& sum,
                           const std::map<std::string, SiteEvaluation>& by_site, RoundEffects& out);
  void make_sum(TimePoint now, RoundEffects& out);  // job_secure_sums.cc
  void leave_out(const std::map<SiteName, std::string>& left, RoundEffects& out);
  void take_in(const std::vector<SiteName>& also, RoundEffects& out);
  void ask_for_initial_model(TimePoint now, RoundEffects& out);
  TimePoint initial_model_by() const;  // then the next one is asked
  void next_round(TimePoint now, RoundEffects& out);
  bool stalls(const std::optional<double>& value);
  std::string faults_of_sites() const;
  void retry_or_fail(TimePoint now, std::string why, RoundEffects& out);
  void retry(TimePoint now, const std::string& why, RoundEffects& out);
  void finish(TimePoint now, JobState state, const std::string& detail, RoundEffects& out);
  void keep_accepted();

  // --- records and reports (job_reports.cc) ---
  RoundRow round_row(TimePoint now, std::string outcome) const;
  void report_phase_opened(std::size_t sites, Milliseconds deadline, RoundEffects& out) const;
  void report_selected(const std::vector<SiteName>& sites, RoundEffects& out) const;
  void report_outcome(const SiteName& site, const Participant& one, RoundEffects& out) const;
  void report_waiting(TimePoint now, TaskKind kind, std::size_t have, const Roster& roster,
                      RoundEffects& out);
  std::string missing_sites(const Roster& roster) const;
  void report_stalled(RoundNumber round, const std::string& detail, RoundEffects& out) const;
  void report_committed(const RoundFinished& event, const RoundRow& row, RoundEffects& out) const;
  void report_site_evaluated(const SiteName& site, const EvaluationFigures& figures,
                             RoundEffects& out) const;
  void report_evaluation(const RoundRow& row, const EvaluationFigures& figures, std::size_t sites,
                         RoundEffects& out) const;
  void report_evaluation_skipped(RoundEffects& out) const;
  void report_changes(const JobChangeRequested& event, RoundEffects& out) const;
  void report_end(RoundEffects& out) const;

  JobRecord record_;
  JobSpec spec_;
  std::optional<Phase> phase_;
  TimePoint phase_opened_;
  std::optional<TimePoint> finishing_since_;  // FinishRound is out, RoundFinished is to come
  std::optional<TimePoint> finish_again_at_;  // it failed (disk full, say) and is tried again
  std::optional<TimePoint> attempt_at_;       // a pause before the next attempt
  std::optional<TimePoint> returning_until_;  // after a restart sites have time to come back
  std::optional<TimePoint> waiting_since_;    // too few sites
  TimePoint alarm_at_;                        // then it says so again
  std::string waiting_for_;                   // as it was last reported
  bool waits_for_turn_ = false;               // sites are there, and busy with other jobs
  bool by_all_ = false;        // the evaluation under way is by those who judge other rounds too
  bool no_evaluator_ = false;  // a dry run found none
  std::map<SiteName, std::string> barred_;  // and why; not waited for after a restart
  std::set<SiteName> known_;                // sites with the dataset, on the link or not
  std::map<SiteName, std::string> unfit_;   // as they are; asked again after a reconnect
  std::map<SiteName, TimePoint> later_;     // whose policy is pending; asked again then
  std::pair<std::pair<JobState, RoundNumber>, TimePoint> postponed_;  // by them: where, since when
  Participants carried_;  // accepted in an earlier attempt of the open round
  Participants late_;     // at work for a round that closed, while no round is open that takes it
  // Who can still upload the elected initial model; the first is asked.
  std::vector<std::pair<SiteName, BlobRef>> initial_models_;
  TimePoint initial_model_asked_;
  std::optional<TimePoint> initial_model_again_at_;  // we could not store it
  Digest elected_;  // the initial model; what has arrived of it is kept until it is stored
};

}  // namespace tributary

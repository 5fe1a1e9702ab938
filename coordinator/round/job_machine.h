// SPDX-License-Identifier: Apache-2.0
// JobMachine: the life of one job as a state machine: prepare, initialize, then rounds of train and
// evaluate. Owned by Engine, engine thread only. Effects are appended to the `out` given to each
// call; it performs none itself, reads no clock, and makes every choice from the job's seed and
// sites in name order, so that a run can be replayed.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/round/effects.h"
#include "coordinator/round/events.h"
#include "coordinator/round/phase.h"

namespace tributary {

// The sites that are on the link now, and the datasets each says it has.
using Roster = std::map<SiteName, std::vector<std::string>>;

class JobMachine {
 public:
  JobMachine(JobRecord record, JobSpec spec) : record_(std::move(record)), spec_(std::move(spec)) {}

  const JobRecord& record() const { return record_; }
  const JobSpec& spec() const { return spec_; }
  bool over() const { return is_over(record_.state); }
  bool waiting() const { return waiting_since_.has_value(); }
  // Too few sites are there: for how many it waits, and who is away. Empty while it does not wait.
  const std::string& waiting_for() const { return waiting_for_; }
  // What `site` is doing for this job ("train round 3"), empty when nothing.
  std::string activity_of(const SiteName& site) const;
  bool awaits(const SiteName& site, const TaskKey& key) const;
  // A model of this job is being stored: its digest comes with the event that ends this.
  bool storing() const { return finishing_since_ || !initial_models_.empty(); }
  void add_blobs_in_use(std::set<Digest>& used) const;

  // The job's turn has come, or the coordinator restarted while it ran.
  void start(TimePoint now, const Roster& roster, RoundEffects& out);
  void resume(const std::vector<AcceptedUpdate>& accepted, RoundEffects& out);
  void abort(TimePoint now, const std::string& why, RoundEffects& out);

  void on_connected(const SiteName& site, RoundEffects& out);
  void on_disconnected(TimePoint now, const SiteName& site);
  void on_returned(TimePoint now, const SiteReturned& event, RoundEffects& out);
  void on_update_arrived(const UpdateArrived& event, RoundEffects& out);
  void on_update_lost(TimePoint now, const UpdateLost& event, RoundEffects& out);
  void fetch_again(TimePoint now, const SiteName& site, const std::string& why, RoundEffects& out);
  void on_update_checked(TimePoint now, const UpdateChecked& event, RoundEffects& out);
  void on_initial_model(TimePoint now, const Result<BlobRef>& model, const SiteName& from,
                        RoundEffects& out);
  void on_round_finished(TimePoint now, const RoundFinished& event, RoundEffects& out);
  void on_round_not_finished(TimePoint now, const RoundNotFinished& event, RoundEffects& out);

  // Ends waits whose time has come and moves on as far as possible. Called after every event.
  void advance(TimePoint now, const Roster& roster, RoundEffects& out);
  std::optional<TimePoint> next_wake() const;

 private:
  // --- phases (job_machine.cc) ---
  std::vector<SiteName> candidates(TaskKind kind, const Roster& roster) const;
  // The most rows that an update counts for: the job's cap, or what the largest site had when the
  // job began. Fixed for the whole job, so that the resolution of its sums is too.
  std::uint64_t weight_max() const;
  std::size_t sites_needed(TaskKind kind) const;
  bool reopens(TaskKind kind) const;  // the round that was under way when the coordinator stopped
  bool enough_sites(TimePoint now, TaskKind kind, const Roster& roster, RoundEffects& out);
  void open_phase(TimePoint now, TaskKind kind, const Roster& roster, RoundEffects& out);
  void offer(const SiteName& site, RoundEffects& out) const;
  void settle(TimePoint now, const SiteName& site, Reason reason, const std::string& detail,
              RoundEffects& out);
  void close_phase(TimePoint now, RoundEffects& out);
  void close_prepare(TimePoint now, RoundEffects& out);
  void close_initialize(TimePoint now, RoundEffects& out);
  void close_train(TimePoint now, RoundEffects& out);
  void close_evaluate(TimePoint now, RoundEffects& out);
  void ask_for_initial_model(TimePoint now, RoundEffects& out);
  void next_round(TimePoint now, RoundEffects& out);
  struct Refusal {
    Reason reason;
    std::string detail;
  };
  std::optional<Refusal> refusal_of(const TaskOutcome& outcome) const;
  void answer_unexpected(const SiteReturned& event, RoundEffects& out) const;
  std::string faults_of_sites() const;
  void retry_or_fail(TimePoint now, std::string why, RoundEffects& out);
  void retry(TimePoint now, const std::string& why, RoundEffects& out);
  void finish(TimePoint now, JobState state, const std::string& detail, RoundEffects& out);
  void keep_accepted(std::map<SiteName, Participant> participants);

  // --- records and reports (job_reports.cc) ---
  RoundRow round_row(TimePoint now, std::string outcome) const;
  void note_best(const EvaluationFigures& figures);
  void report_phase_opened(const std::vector<SiteName>& sites, RoundEffects& out) const;
  void report_outcome(const SiteName& site, const Participant& one, RoundEffects& out) const;
  void report_waiting(TaskKind kind, std::size_t have, const Roster& roster, RoundEffects& out);
  std::string missing_sites(const Roster& roster) const;
  void report_committed(const RoundFinished& event, const RoundRow& row, RoundEffects& out) const;
  void report_site_evaluated(const SiteName& site, const EvaluationCounts& counts,
                             RoundEffects& out) const;
  void report_evaluation(const EvaluationCounts& sum, std::uint32_t sites, RoundEffects& out) const;
  void report_end(RoundEffects& out) const;

  JobRecord record_;
  JobSpec spec_;
  std::optional<Phase> phase_;
  TimePoint phase_opened_;
  std::optional<TimePoint> finishing_since_;  // FinishRound is out, RoundFinished is to come
  std::optional<TimePoint> finish_again_at_;  // it failed (disk full, say) and is tried again
  std::optional<TimePoint> attempt_at_;       // a pause before the next attempt
  std::optional<TimePoint> waiting_since_;    // too few sites
  std::string waiting_for_;                   // as it was last reported
  std::map<SiteName, std::string>
      unfit_;  // cannot do this job as they are; asked again after a reconnect
  std::map<SiteName, Participant> carried_;  // accepted in an earlier attempt of the open round
  std::vector<std::pair<SiteName, BlobRef>>
      initial_models_;  // who can still upload the elected initial model; the first is asked
  TimePoint initial_model_by_;  // then the next one is
  Digest elected_;  // the initial model; what has arrived of it is kept until it is stored
};

}  // namespace tributary

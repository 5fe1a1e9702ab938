// SPDX-License-Identifier: Apache-2.0
// A whole federation around the round engine, in one thread on a virtual clock: obedient or faulty
// sites, a driver that answers every request, and a record of what was saved, so that a crash can
// be replayed. For tests of the engine only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/random_source.h"
#include "coordinator/round/engine.h"

namespace tributary::testing {

inline Digest digest_of(std::uint64_t number) {
  Digest digest;
  put_little_endian(digest.bytes.data(), number);
  return digest;
}

class Federation {
 public:
  explicit Federation(std::uint64_t seed, EngineOptions options = {})
      : random_(seed), options_(options), engine_(options) {}

  // --- set-up ---
  static JobSpec spec(std::uint32_t rounds, std::uint32_t minimum_sites, std::uint32_t quorum) {
    JobSpec spec;
    spec.name = "demo";
    spec.data.dataset = "demo";
    spec.data.standardize = Standardize::kNone;
    spec.data.target = TargetKind::kRegression;
    spec.rounds.rounds = rounds;
    spec.rounds.minimum_sites = minimum_sites;
    spec.rounds.quorum = quorum;
    return spec;
  }
  void submit(const JobSpec& spec, const std::string& id = "demo-1", bool dry_run = false) {
    JobRecord record;
    record.dry_run = dry_run;
    record.id = JobId{id};
    record.name = spec.name;
    if (spends) record.spent = spends(0);
    specs_[record.id] = spec;
    saved_jobs_[record.id] = record;
    feed(JobArrived{record, spec});
  }
  void connect(const std::string& site, bool evaluator = false,
               const std::string& dataset = "demo") {
    online_[SiteName{site}] = {{dataset}, evaluator};
    feed(SiteConnected{SiteName{site}, {dataset}, evaluator});
  }
  void change(const JobChanges& changes, const std::string& id = "demo-1") {
    feed(JobChangeRequested{JobId{id}, changes, "alice"});
  }
  void abort(const std::string& id = "demo-1") {
    feed(JobAbortRequested{JobId{id}, "aborted by alice"});
  }
  void disconnect(const std::string& site) {
    online_.erase(SiteName{site});
    feed(SiteDisconnected{SiteName{site}});
  }
  void bar(const std::string& site) {
    online_.erase(SiteName{site});
    feed(SiteBarred{SiteName{site}, "disabled by operator olga"});
    feed(SiteDisconnected{SiteName{site}});
  }
  void allow(const std::string& site) { feed(SiteAllowed{SiteName{site}}); }
  // It is gone together with the coordinator that crashes next.
  void leave_in_crash(const std::string& site) { online_.erase(SiteName{site}); }
  // A site that never answers, until it is let go.
  void silence(const std::string& site) { silent_.insert(SiteName{site}); }
  void let_go(const std::string& site) {
    silent_.erase(SiteName{site});
    hanging_.erase(SiteName{site});
  }
  // It comes to an end with the last task that it was given.
  void catch_up(const std::string& site) {
    let_go(site);
    answer(SiteName{site}, offered.at(SiteName{site}));
  }
  // What is under way from this site never arrives.
  void forget_answers_of(const std::string& site) {
    std::erase_if(queue_, [&site](const RoundEvent& event) {
      const auto* returned = std::get_if<SiteReturned>(&event);
      return returned != nullptr && returned->site.value == site;
    });
  }
  // Up to the first training, in which this site falls silent; false if it is not come to.
  bool begin_training_without(const std::string& site) {
    while (job().record().state != JobState::kTraining) {
      if (!step()) return false;
    }
    silence(site);
    forget_answers_of(site);
    return true;
  }
  // The verdict of the check of this site's updates.
  void spoil(const std::string& site, Reason reason) { spoiled_[SiteName{site}] = reason; }
  void fail_tasks(const std::string& site, TaskKind kind, Reason reason) {
    failing_[{SiteName{site}, kind}] = reason;
  }
  void do_tasks(const std::string& site) {
    std::erase_if(failing_, [&site](const auto& entry) { return entry.first.first.value == site; });
  }

  // What this site says of its data.
  void tell(const std::string& site, const DataSummary& summary) {
    summaries_[SiteName{site}] = summary;
  }

  // The classes in this site's counts, where the job is a regression and has none.
  void count_classes(const std::string& site) { classes_of_[SiteName{site}] = {{2, 1, 0}}; }
  // This site votes for the initial model and never sends it.
  void withhold(const std::string& site) { withholding_.insert(SiteName{site}); }
  // The next fetches of updates, or of the initial model, meet a full disk at the coordinator.
  void fail_to_fetch(int times) { failing_fetches_ = times; }
  void fail_to_fetch_initial_model(int times) { failing_initial_fetches_ = times; }
  // Uploads of this site never end, until it is let go; their link can break.
  void hang_uploads(const std::string& site) { hanging_.insert(SiteName{site}); }
  void break_upload(const std::string& site) {
    feed(UpdateLost{SiteName{site}, offered.at(SiteName{site}).key, Reason::kDisconnected, ""});
    disconnect(site);
  }

  // The next `times` rounds to be finished meet a full disk.
  void fail_to_store(int times) { failing_stores_ = times; }
  // The sum of the next round to be finished is gone, and so are its updates.
  void lose_sum() { losing_ = true; }
  // The job's rule is not defined for the updates of any round.
  void break_rule() { undefined_ = true; }

  // --- running ---
  // Carries out what was asked, in random order between sites, until nothing is left to do without
  // time passing.
  void settle() {
    while (!queue_.empty()) {
      const auto at = static_cast<std::ptrdiff_t>(random_.uniform_below(queue_.size()));
      const RoundEvent event = queue_[static_cast<std::size_t>(at)];
      queue_.erase(queue_.begin() + at);
      feed(event);
    }
  }
  bool step() {
    if (queue_.empty()) return false;
    const RoundEvent event = queue_.front();
    queue_.pop_front();
    feed(event);
    return true;
  }
  void pass(Milliseconds time) {
    now_ = now_ + time;
    feed(TimePassed{});
    settle();
  }
  // Moves the clock from wake to wake until the job is over; false if it is not after `limit`
  // wakes.
  bool run(int limit = 10'000) {
    settle();
    for (int i = 0; i < limit && !job().over(); ++i) {
      const auto wake = engine_.next_wake();
      if (!wake) return false;
      now_ = std::max(now_, *wake);
      feed(TimePassed{});
      settle();
    }
    return job().over();
  }
  // kill -9 of the coordinator: memory, links and everything under way are gone; what was saved is
  // not.
  void crash() {
    engine_ = Engine(options_);
    queue_.clear();
    absorbed_.clear();
    const auto sites = online_;
    for (const auto& [id, record] : saved_jobs_) {
      std::vector<AcceptedUpdate> accepted;
      for (const auto& [site, update] : saved_accepted_[id]) accepted.push_back(update);
      feed(JobRecovered{record, specs_.at(id), accepted});
    }
    feed(TimePassed{});
    for (const auto& [site, link] : sites) feed(SiteConnected{site, link.datasets, link.evaluator});
  }

  const JobMachine& job(const std::string& id = "demo-1") const { return *engine_.find(JobId{id}); }
  const JobRecord& saved(const std::string& id = "demo-1") const {
    return saved_jobs_.at(JobId{id});
  }
  Engine& engine() { return engine_; }
  std::vector<Report> reports(const std::string& event) const {
    std::vector<Report> found;
    for (const Report& report : reports_) {
      if (report.event == event) found.push_back(report);
    }
    return found;
  }
  const std::vector<RoundRow>& rows() const { return rows_; }
  // How often a site trained for a key; a kept result is offered again without training.
  std::map<std::pair<SiteName, TaskKey>, int> trained;
  std::map<SiteName, Task> offered;         // the last task of each site
  std::vector<AcceptedUpdate> absorptions;  // in order
  std::vector<std::uint64_t> weights_max;   // of them
  std::uint64_t weight_all = 0;             // of the last one
  // What each site was told, in order of their names.
  std::map<SiteName, std::set<std::pair<JobId, RoundNumber>>> committed;
  std::vector<SendVerdict> verdicts;
  std::map<SiteName, double> losses;  // that a site's evaluations come to, where not the usual
  TimePoint now() const { return now_; }
  // A secure sum of everybody's.
  static RoundEvent sum_of(const MakeSum& wanted) {
    SumMade made{wanted.key, {}, {}, {}};
    if (wanted.key.kind == TaskKind::kEvaluate) {
      made.counts.examples = 5 * wanted.sites.size();
      made.counts.loss_units = static_cast<std::int64_t>(1 / kLossUnit);
    } else {
      made.sums.push_back({wanted.key,
                           SiteName{"sum-1"},
                           wanted.key.round,
                           kFullShare,
                           {{digest_of(500 + wanted.key.round), 4}, 50, 0.5, 1.0, 0.0, 0.0},
                           1.0});
    }
    return made;
  }
  // A result that a site makes up.
  void send(const SiteReturned& event) { feed(event); }
  // Sites whose updates were in the sum of each committed round.
  std::map<RoundNumber, std::set<SiteName>> folded;
  int double_folds = 0;
  bool makes_deltas = false;  // of the models of its rounds
  // What the models of so many rounds have cost, where a job hides whole sites; before submit().
  std::function<SitesSpent(RoundNumber)> spends;
  std::vector<double> clips;         // of the updates that were absorbed, in order
  std::vector<SiteSpending> ledger;  // as it was saved, line after line
  // What becomes of secure sums; everybody's if nothing is set. And those that were asked for.
  std::function<RoundEvent(const MakeSum&)> make_sum;
  std::vector<MakeSum> sums;

 private:
  void feed(const RoundEvent& event) {
    const RoundEffects effects = engine_.handle(now_, event);
    for (const RoundEffect& effect : effects) save(effect);
    for (const RoundEffect& effect : effects) perform(effect);
  }
  void save(const RoundEffect& effect) {
    if (const auto* job = std::get_if<SaveJob>(&effect)) saved_jobs_[job->record.id] = job->record;
    if (const auto* one = std::get_if<SaveAccepted>(&effect))
      saved_accepted_[one->update.key.job][one->update.site] = one->update;
    if (const auto* lost = std::get_if<DropAccepted>(&effect))
      saved_accepted_[lost->job].erase(lost->site);
    if (const auto* row = std::get_if<SaveRound>(&effect)) rows_.push_back(row->row);
    if (const auto* spent = std::get_if<SaveSpending>(&effect)) ledger.push_back(spent->spending);
    if (const auto* job = std::get_if<ForgetAccepted>(&effect)) saved_accepted_[job->job].clear();
  }
  void perform(const RoundEffect& effect) {
    if (const auto* send = std::get_if<SendTask>(&effect)) {
      offered[send->site] = send->task;
      return answer(send->site, send->task);
    }
    const auto* update = std::get_if<FetchUpdate>(&effect);
    if (update != nullptr && !hanging_.contains(update->site)) {
      queue_.push_back(failing_fetches_-- > 0
                           ? RoundEvent{UpdateLost{update->site, update->key,
                                                   Reason::kStorageFailed, "no space"}}
                           : UpdateArrived{update->site, update->key});
    }
    if (const auto* check = std::get_if<CheckUpdate>(&effect)) {
      const auto spoiled = spoiled_.find(check->site);
      queue_.push_back(
          UpdateChecked{check->site, check->key,
                        spoiled == spoiled_.end() ? Reason::kAccepted : spoiled->second, "", 1.0});
    }
    if (const auto* told = std::get_if<SendCommitted>(&effect))
      committed[told->site].emplace(told->job, told->round);
    if (const auto* verdict = std::get_if<SendVerdict>(&effect)) verdicts.push_back(*verdict);
    if (const auto* absorb = std::get_if<AbsorbUpdate>(&effect)) {
      weights_max.push_back(absorb->weight_max);
      if (!absorbed_.insert(absorb->update.site).second) ++double_folds;
      absorptions.push_back(absorb->update);
      weight_all = absorb->weight_all;
      clips.push_back(absorb->clip);
    }
    if (const auto* fetch = std::get_if<FetchInitialModel>(&effect);
        fetch != nullptr && !withholding_.contains(fetch->site))
      queue_.push_back(fetched(*fetch));
    if (const auto* wanted = std::get_if<MakeSum>(&effect)) {
      sums.push_back(*wanted);
      queue_.push_back(make_sum ? make_sum(*wanted) : sum_of(*wanted));
    }
    if (const auto* finished = std::get_if<FinishRound>(&effect)) finish(*finished);
    if (const auto* report = std::get_if<Report>(&effect)) reports_.push_back(*report);
  }
  void finish(const FinishRound& finish) {
    if (undefined_) {
      queue_.push_back(RoundNotFinished{finish.job, finish.round, "krum needs more", true});
      return;
    }
    if (std::exchange(losing_, false)) {
      absorbed_.clear();
      queue_.push_back(RoundNotFinished{finish.job, finish.round, "gone", false, true});
      return;
    }
    if (failing_stores_-- > 0) {
      queue_.push_back(RoundNotFinished{finish.job, finish.round, "No space left on device"});
      return;
    }
    folded[finish.round] = absorbed_;
    absorbed_.clear();
    RoundFinished finished{finish.job, finish.round, {digest_of(1000 + finish.round), 4}, 0.5, 10};
    if (makes_deltas) finished.delta = {digest_of(2000 + finish.round), 2};
    if (spends) finished.spent = spends(finish.round);
    queue_.push_back(finished);
  }
  RoundEvent fetched(const FetchInitialModel& fetch) {
    if (failing_initial_fetches_-- > 0)
      return InitialModelFailed{fetch.job, fetch.site, Reason::kStorageFailed, "no space"};
    if (online_.contains(fetch.site)) return InitialModelStored{fetch.job, fetch.model};
    return InitialModelFailed{fetch.job, fetch.site, Reason::kDisconnected, "off the link"};
  }
  void answer(const SiteName& site, const Task& task) {
    if (silent_.contains(site)) return;
    if (const auto failing = failing_.find({site, task.key.kind}); failing != failing_.end()) {
      queue_.push_back(SiteReturned{site, {task.key, TaskFailure{failing->second, "as told"}}});
      return;
    }
    switch (task.key.kind) {
      case TaskKind::kPrepare:
        queue_.push_back(SiteReturned{
            site,
            {task.key,
             PrepareResult{summaries_.contains(site) ? summaries_.at(site) : kUsualSummary}}});
        break;
      case TaskKind::kInitialize:
        queue_.push_back(SiteReturned{site, {task.key, InitializeResult{{digest_of(7), 4}}}});
        break;
      case TaskKind::kTrain:
        if (summed_secretly(specs_.at(task.key.job), task.key.kind)) {
          // What was trained for an earlier attempt is given to this one too.
          TaskKey round = task.key;
          round.attempt = 1;
          if (kept_.insert({site, round}).second) ++trained[{site, round}];
          queue_.push_back(SiteReturned{site, {task.key, TrainResult{{}, 0, 0.0, 0.0, 0.1}}});
          break;
        }
        if (kept_.insert({site, task.key}).second) ++trained[{site, task.key}];
        queue_.push_back(SiteReturned{
            site,
            {task.key,
             TrainResult{
                 {digest_of(task.key.round * 100 + site.value.size()), 4}, 10, 0.5, 1.0, 0.1}}});
        break;
      case TaskKind::kEvaluate:
        if (summed_secretly(specs_.at(task.key.job), task.key.kind)) {
          queue_.push_back(SiteReturned{site, {task.key, EvaluateResult{}}});
          break;
        }
        EvaluationCounts counts{
            .examples = 5,
            .loss_units = static_cast<std::int64_t>(
                5.0 / kLossUnit *
                (losses.contains(site) ? losses.at(site) : 1.0 / (task.key.round + 1))),
            .correct = 0,
            .classes =
                classes_of_.contains(site) ? classes_of_.at(site) : std::vector<ClassCounts>{},
            .positives = {},
            .negatives = {}};
        queue_.push_back(SiteReturned{site, {task.key, EvaluateResult{counts}}});
        break;
    }
  }

  static inline const DataSummary kUsualSummary{
      .training_rows = 10, .validation_rows = 5, .numeric = {}, .categories = {}};

  int failing_stores_ = 0, failing_fetches_ = 0, failing_initial_fetches_ = 0;
  bool undefined_ = false;
  std::set<SiteName> withholding_;
  std::map<SiteName, std::vector<ClassCounts>> classes_of_;
  std::map<SiteName, DataSummary> summaries_;
  SeededRandom random_;
  TimePoint now_;
  EngineOptions options_;
  Engine engine_;
  std::deque<RoundEvent> queue_;
  Roster online_;
  bool losing_ = false;
  std::set<SiteName> silent_, hanging_, absorbed_;
  std::map<SiteName, Reason> spoiled_;
  std::map<std::pair<SiteName, TaskKind>, Reason> failing_;
  std::set<std::pair<SiteName, TaskKey>> kept_;
  std::map<JobId, JobSpec> specs_;
  std::map<JobId, JobRecord> saved_jobs_;
  std::map<JobId, std::map<SiteName, AcceptedUpdate>> saved_accepted_;
  std::vector<RoundRow> rows_;
  std::vector<Report> reports_;
};

inline std::string site_name(int site) {
  return "site-" + std::string(1, static_cast<char>('a' + site));
}

inline void connect_all(Federation& federation, int sites) {
  for (int i = 0; i < sites; ++i) federation.connect(site_name(i));
}

// Versions of `target` updates each.
inline JobSpec asynchronous(std::uint32_t versions, std::uint32_t target) {
  JobSpec spec = Federation::spec(versions, 2, 0);
  spec.rounds.mode = RoundMode::kAsync;
  spec.rounds.target = target;
  return spec;
}

// The reason of `site` in the record of the round's training.
inline std::string reason_in(const Federation& federation, RoundNumber round,
                             const std::string& site) {
  for (const RoundRow& row : federation.rows()) {
    if (row.round != round || row.task != "train") continue;
    for (const ParticipantRow& one : row.participants) {
      if (one.site.value == site) return one.reason;
    }
  }
  return "";
}

}  // namespace tributary::testing

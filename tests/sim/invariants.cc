// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/invariants.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/base/limits.h"
#include "common/tensor/safetensors.h"
#include "tests/sim/site.h"

namespace tributary::sim {
namespace {

[[noreturn]] void violated(const std::string& what) { throw Violated{what}; }

std::string name_of(const JobId& job, RoundNumber round) {
  return job.value + " round " + std::to_string(round);
}

const JobRecord* record_of(const Tables& tables, const JobId& job) {
  const auto found = std::ranges::find(tables.jobs, job, &JobRecord::id);
  return found == tables.jobs.end() ? nullptr : &*found;
}

std::vector<AcceptedUpdate> accepted_of(const Hub& hub, const JobId& job, RoundNumber round) {
  const auto found = hub.tables.accepted.find(job);
  if (found == hub.tables.accepted.end()) return {};
  std::vector<AcceptedUpdate> updates;
  for (const AcceptedUpdate& update : found->second) {
    if (update.into == round) updates.push_back(update);
  }
  return updates;
}

// Rounds in which a site may count once; 0: in each.
std::uint32_t pass_of(const Hub& hub, const JobId& job) {
  const std::optional<SitePrivacy>& sites = hub.driver()->engine().find(job)->spec().privacy.sites;
  return sites && sites->mechanism == SiteMechanism::kTree ? sites->rounds_per_pass : 0;
}

// Half to even, of a number that is not near the largest.
float nearest_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u);
}

// How much an update counts that is `rounds` late, worked out anew.
double share_of(const StalenessPolicy& policy, double rounds) {
  if (policy.weight == StalenessWeight::kConstant) return 1.0;
  if (policy.weight == StalenessWeight::kPolynomial)
    return std::exp(-policy.exponent * std::log(1.0 + rounds));
  return rounds > policy.free ? 1.0 / (1.0 + policy.slope * (rounds - policy.free)) : 1.0;
}

bool near(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(a, b, [](float x, float y) { return std::abs(x - y) <= 1e-5f; });
}

}  // namespace

void Invariants::started(const Hub& hub, const std::string& site, const Task& task) {
  if (task.key.kind != TaskKind::kTrain) return;
  const auto found = hub.tables.accepted.find(task.key.job);
  if (found == hub.tables.accepted.end()) return;
  for (const AcceptedUpdate& update : found->second) {
    if (update.site.value == site && update.key.round == task.key.round)
      violated(site + " trains again for " + name_of(task.key.job, task.key.round) +
               ", where its update is accepted");
  }
}

// Each update of the round was made for it or for an earlier one, never counted before, and counts
// as much as the job's policy says.
void Invariants::check_folds(const Hub& hub, const JobId& job, RoundNumber round) {
  const RoundPolicy& policy = hub.driver()->engine().find(job)->spec().rounds;
  for (const AcceptedUpdate& update : accepted_of(hub, job, round)) {
    const std::string what = name_of(job, round) + ": the update of " + update.site.value;
    if (update.key.round > round) violated(what + " is of a later round");
    const RoundNumber late = round - update.key.round;
    if (late > 0 && (!policy.carries_late() || late > policy.staleness.max))
      violated(what + " is " + std::to_string(late) + " rounds late");
    if (std::abs(update.share - share_of(policy.staleness, late) * 65536.0) > 1.0)
      violated(what + " counts " + std::to_string(update.share));
    if (!folded_.insert({job, update.site, update.key.round, update.key.attempt}).second)
      violated(what + " is folded twice");
    const std::uint32_t pass = pass_of(hub, job);
    if (pass > 0 && !counted_.insert({job, update.site, (round - 1) / pass}).second)
      violated(what + " is the second of its site in a pass of " + std::to_string(pass));
  }
}

Model Invariants::base_of(const JobId& job, RoundNumber round) const {
  const auto before = targets_.find({job, round - 1});
  if (round > 1 && before == targets_.end())
    violated(name_of(job, round) + " is committed, and the one before it was not");
  return round == 1 ? initial_model() : before->second;
}

const Model& Invariants::made_by(const AcceptedUpdate& update) const {
  const auto found = updates_.find(update.result.update.digest);
  if (found == updates_.end()) violated("an update was accepted that no site made");
  return found->second;
}

// As the paper has it (Cao et al. 2021), to some roundings.
std::vector<float> Invariants::trusted(const Hub& hub, const JobId& job, RoundNumber round,
                                       const SiteName& root) const {
  const std::vector<AcceptedUpdate> accepted = accepted_of(hub, job, round);
  const Model& own = made_by(*std::ranges::find(accepted, root, &AcceptedUpdate::site));
  const auto dot = [](const Model& a, const Model& b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.values.size(); ++i)
      sum += static_cast<double>(a.values[i]) * static_cast<double>(b.values[i]);
    return sum;
  };
  std::vector<double> sum(own.values.size());
  double trust = 0.0;
  for (const AcceptedUpdate& update : accepted) {
    const Model& made = made_by(update);
    const double along = dot(made, own);
    if (update.site == root || along <= 0.0) continue;
    const double score = along / std::sqrt(dot(made, made) * dot(own, own));
    trust += score;
    for (std::size_t i = 0; i < sum.size(); ++i)
      sum[i] +=
          score * std::sqrt(dot(own, own) / dot(made, made)) * static_cast<double>(made.values[i]);
  }
  std::vector<float> values = base_of(job, round).values;
  for (std::size_t i = 0; i < sum.size() && trust > 0.0; ++i)
    values[i] += static_cast<float>(sum[i] / trust);
  return values;
}

// Exact: updates are multiples of 2^-10, shares of 2^-16, and weights are small integers, so the
// sum of their products is an integer; one division and one rounding to float remain, as in the
// optimiser sgd with rate 1.
std::vector<float> Invariants::reference(const Hub& hub, const JobId& job, RoundNumber round,
                                         const JobRecord& record) const {
  std::uint64_t most = 1;
  for (const auto& [site, rows] : record.rows) most = std::max(most, rows.training);
  const Model base = base_of(job, round);
  std::vector<std::int64_t> sums(base.values.size());
  std::int64_t weights = 0;
  for (const AcceptedUpdate& update : accepted_of(hub, job, round)) {
    const Model& made = made_by(update);
    const auto weight =
        static_cast<std::int64_t>(std::clamp<std::uint64_t>(update.result.examples, 1, most));
    weights += weight;
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] +=
          weight * update.share * static_cast<std::int64_t>(std::lround(made.values[i] * 1024.0f));
  }
  std::vector<float> values;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double mean =
        static_cast<double>(sums[i]) / (1024.0 * 65536.0 * static_cast<double>(weights));
    values.push_back(static_cast<float>(static_cast<double>(base.values[i]) + mean));
  }
  return values;
}

// A model and what it cost are one transaction, and no model costs more than the job may spend.
void Invariants::check_spending(const Hub& hub, const RoundEffects& effects,
                                const SaveRound& round) const {
  const JobSpec& spec = hub.driver()->engine().find(round.job)->spec();
  const std::string name = name_of(round.job, round.row.round);
  const auto of_job = [&](const RoundEffect& effect) {
    const auto* spent = std::get_if<SaveSpending>(&effect);
    return spent != nullptr && spent->spending.job == round.job &&
           spent->spending.rounds == round.row.round &&
           spent->spending.epsilon == round.row.epsilon;
  };
  if (std::ranges::any_of(effects, of_job) != spec.privacy.sites.has_value())
    violated(name + ": the ledger is not told what its model cost");
  if (spec.privacy.sites && !(*round.row.epsilon <= spec.privacy.sites->max_epsilon))
    violated(name + ": its model costs more than the job may spend");
}

bool Invariants::near_private(const Hub& hub, const JobId& job, const RoundRow& row,
                              const Model& model) const {
  const JobSpec& spec = hub.driver()->engine().find(job)->spec();
  const double clip = *row.clip, sites = spec.rounds.target;
  std::vector<double> sum(model.values.size());
  for (const AcceptedUpdate& update : accepted_of(hub, job, row.round)) {
    const Model& made = made_by(update);
    double squares = 0.0;
    for (const float value : made.values)
      squares += static_cast<double>(value) * static_cast<double>(value);
    const double factor = std::min(1.0, clip / std::sqrt(squares));
    for (std::size_t i = 0; i < sum.size(); ++i)
      sum[i] += factor * static_cast<double>(made.values[i]);
  }
  const Model base = base_of(job, row.round);
  // Eight deviations of the noise, and what bf16 or float32 leave out.
  const double nodes = pass_of(hub, job) > 0 ? std::sqrt(2.0) : 1.0;  // of passes of two or three
  const double most = 8 * 0.011 * nodes * clip / sites;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const double step = sum[i] / sites;
    const double apart =
        static_cast<double>(model.values[i]) - static_cast<double>(base.values[i]) - step;
    if (!(std::abs(apart) <= most + std::abs(step) / 128 + 1e-3)) return false;
  }
  return true;
}

void Invariants::check_commit(const Hub& hub, const JobId& job, const RoundRow& row,
                              const JobRecord& record) {
  const std::string name = name_of(job, row.round);
  if (models_.contains({job, row.round})) violated(name + " is committed twice");
  std::set<std::string> accepted;
  for (const AcceptedUpdate& update : accepted_of(hub, job, row.round)) {
    if (!accepted.insert(update.site.value).second)
      violated(name + ": two updates of " + update.site.value + " are accepted");
  }
  std::set<std::string> seen, said_accepted;
  for (const ParticipantRow& one : row.participants) {
    if (!seen.insert(one.site.value).second) violated(name + ": two rows of " + one.site.value);
    if (one.reason.empty() || one.reason == "pending")
      violated(name + ": no final reason for " + one.site.value);
    if (one.reason == "accepted") said_accepted.insert(one.site.value);
  }
  const RoundPolicy& policy = hub.driver()->engine().find(job)->spec().rounds;
  const auto asked_now = static_cast<std::size_t>(std::ranges::count_if(
      row.participants, [](const auto& one) { return !one.detail.starts_with("made for"); }));
  const std::optional<SiteName> root = hub.driver()->engine().find(job)->spec().aggregation.root();
  if (root && !accepted.contains(root->value)) violated(name + " is committed without its root");
  const std::size_t needed = (policy.quorum > 0   ? policy.quorum
                              : policy.target > 0 ? policy.target
                                                  : asked_now - (root ? 1 : 0)) +
                             (root ? 1 : 0);
  if (accepted.size() < needed)
    violated(name + " is committed with " + std::to_string(accepted.size()) + " of " +
             std::to_string(needed) + " updates");
  for (const SiteName& site : record.cohort) {
    if (!seen.contains(site.value)) violated(name + ": no row of " + site.value);
  }
  if (said_accepted != accepted) violated(name + ": its record is not what was accepted");
  check_folds(hub, job, row.round);
  for (const auto& [its_job, round, site] : acknowledged_) {
    if (its_job == job && round == row.round && !accepted.contains(site.value))
      violated(name + ": the update of " + site.value + " was acknowledged and is lost");
  }
  std::erase_if(acknowledged_, [&](const auto& one) {
    return std::get<0>(one) == job && std::get<1>(one) <= row.round;
  });
  check_model(hub, job, row, record);
}

void Invariants::check_model(const Hub& hub, const JobId& job, const RoundRow& row,
                             const JobRecord& record) {
  const std::string name = name_of(job, row.round);
  const JobSpec& spec = hub.driver()->engine().find(job)->spec();
  const Result<Bytes> bytes =
      const_cast<Hub&>(hub).disk.read(hub.model_path(job, row.round), limits::kBlobBytesMax);
  if (!bytes) violated(name + ": committed without its model: " + bytes.error().message);
  const Result<Model> model = decode_safetensors(*bytes);
  if (!model) violated(name + ": its model cannot be read");
  if (spec.privacy.sites) {
    if (!near_private(hub, job, row, *model))
      violated(name + ": the model is not that of a sum with noise");
    targets_[{job, row.round}] = models_[{job, row.round}] = *model;
    return;
  }
  const std::optional<SiteName> root = spec.aggregation.root();
  const std::vector<float> target =
      root ? trusted(hub, job, row.round, *root) : reference(hub, job, row.round, record);
  std::vector<float> expected = target;
  if (spec.train.download_encoding.name == "bf16") {
    const Model before = row.round == 1 ? initial_model() : models_.at({job, row.round - 1});
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] = before.values[i] + nearest_bf16(target[i] - before.values[i]);
  }
  if (root ? !near(model->values, expected) : model->values != expected)
    violated(name + ": the model is not what the rule makes of the " +
             std::to_string(accepted_of(hub, job, row.round).size()) + " accepted updates");
  targets_[{job, row.round}] = {model->layout, root ? model->values : target};
  models_[{job, row.round}] = *model;
}

// A job leaves the queue when there is room for it and nobody more urgent waits.
void Invariants::check_starts(const Hub& hub, const RoundEffects& effects) const {
  std::map<JobId, JobRecord> jobs;
  for (const JobRecord& job : hub.tables.jobs) jobs[job.id] = job;
  const auto priority = [&hub](const JobId& job) {
    return hub.driver()->engine().find(job)->spec().priority;
  };
  for (const RoundEffect& effect : effects) {
    const auto* save = std::get_if<SaveJob>(&effect);
    if (save == nullptr) continue;
    const JobId& id = save->record.id;
    const bool starts =
        save->record.state == JobState::kPreparing && jobs[id].state == JobState::kQueued;
    jobs[id] = save->record;
    if (!starts) continue;
    std::size_t running = 0;
    for (const auto& [other, job] : jobs) {
      if (is_over(job.state) || job.changes.paused.value_or(false)) continue;
      running += job.state != JobState::kQueued;
      if (job.state == JobState::kQueued && priority(other) > priority(id))
        violated("job " + id.value + " starts before " + other.value);
    }
    if (running > hub.options().running_jobs_max)
      violated("job " + id.value + " starts where " + std::to_string(running - 1) + " run");
  }
}

void Invariants::storing(const Hub& hub, const RoundEffects& effects) {
  if (hub.driver() != nullptr) check_starts(hub, effects);
  for (const RoundEffect& effect : effects) {
    if (const auto* lost = std::get_if<DropAccepted>(&effect)) {
      if (hub.staging_memory() == 0)
        violated(name_of(lost->job, lost->into) + ": the update of " + lost->site.value +
                 " is lost, and the disk had it");
      acknowledged_.erase({lost->job, lost->into, lost->site});
    }
    const auto* save = std::get_if<SaveRound>(&effect);
    if (save == nullptr || save->row.outcome != "committed") continue;
    check_spending(hub, effects, *save);
    const JobRecord* record = record_of(hub.tables, save->job);
    if (record == nullptr) violated("a round of no job is committed");
    if (save->row.round != record->round + 1)
      violated(name_of(save->job, save->row.round) + " is committed after round " +
               std::to_string(record->round));
    check_commit(hub, save->job, save->row, *record);
  }
}

void Invariants::sent(const Hub& hub, const std::string& site, const Message& message) {
  const auto* verdict = std::get_if<TaskVerdict>(&message);
  if (verdict == nullptr || verdict->reason != Reason::kAccepted ||
      verdict->key.kind != TaskKind::kTrain) {
    return;
  }
  const JobRecord* record = record_of(hub.tables, verdict->key.job);
  if (record == nullptr) violated("a verdict for no job");
  if (is_over(record->state)) return;
  const TaskKey& key = verdict->key;
  if (folded_.contains({key.job, SiteName{site}, key.round, key.attempt})) return;
  const auto accepted = hub.tables.accepted.find(key.job);
  const auto matches = [&](const AcceptedUpdate& one) {
    return one.site.value == site && one.key == key;
  };
  if (accepted == hub.tables.accepted.end() || std::ranges::none_of(accepted->second, matches)) {
    violated(site + " is told that its update for " + name_of(key.job, key.round) +
             " is accepted before that is durable");
  }
  const RoundNumber into = std::ranges::find_if(accepted->second, matches)->into;
  if (into > record->round) acknowledged_.insert({key.job, into, SiteName{site}});
}

void Invariants::check(const Hub& hub, TimePoint now) const {
  const Driver* driver = hub.driver();
  if (driver == nullptr) return;
  for (const JobMachine* job : driver->engine().jobs()) {
    if (job->over() || driver->stalled()) continue;
    if (job->record().state == JobState::kQueued || job->paused()) continue;
    const std::optional<TimePoint> wake = job->next_wake();
    // Whoever waits for its turn at busy sites waits for another job's deadline.
    if (!driver->engine().next_wake() && !hub.busy())
      violated("job " + job->record().id.value + " waits without an end");
    if (wake && *wake - now > Milliseconds(30LL * 24 * 3600 * 1000))
      violated("job " + job->record().id.value + " waits for more than a month");
  }
  // Each job may have an update of each site, and one that was refused until its round is over.
  const std::size_t updates = 2 * hub.tables.jobs.size() * hub.tables.sites.size();
  if (hub.disk.files() > std::max<std::size_t>(400, 100 + updates))
    violated("the coordinator's disk keeps what nobody needs");
}

void Invariants::check_models(Hub& hub) const {
  for (const auto& [key, model] : models_) {
    const Result<Bytes> bytes =
        hub.disk.read(hub.model_path(key.first, key.second), limits::kBlobBytesMax);
    const Result<Model> now = bytes ? decode_safetensors(*bytes) : bytes.error();
    if (!now || now->values != model.values)
      violated("the model of " + name_of(key.first, key.second) + " changed after its commit");
  }
}

}  // namespace tributary::sim

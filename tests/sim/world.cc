// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/world.h"

#include <algorithm>
#include <cstdio>

namespace tributary::sim {
namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kUsualStepMs = 1'000;
constexpr std::uint64_t kStepsMax = 3'000'000;

JobChanges paused(bool paused) {
  JobChanges changes;
  changes.paused = paused;
  return changes;
}

}  // namespace

World::World(std::uint64_t seed, bool verbose)
    : verbose_(verbose),
      random_(derive_seed(seed, "simulation", 0)),
      network_(timeline_, random_),
      log_(*EventLog::open({.level = EventLevel::kError, .text_fd = -1}, timeline_.clock())) {
  network_.faults.latency = upto(200);
  network_.faults.chunk = upto(50);
  network_.faults.chunk_bytes = 8 + random_.uniform_below(120);
  network_.faults.duplicate_one_in = random_.uniform_below(3) == 0 ? 20 : 0;
  calm_at_ = timeline_.now() + upto(10 * kMinute);
  hub_ = std::make_unique<Hub>(
      Surroundings{timeline_, random_, network_, *log_},
      EngineOptions{1 + random_.uniform_below(2), random_.uniform_below(3)},
      Hub::Observer{[this](const RoundEffects& effects) { invariants_.storing(*hub_, effects); },
                    [this](const Report& report) {
                      if (!verbose_) return;
                      std::string line = report.event;
                      for (const auto& [name, value] : report.fields) {
                        if (const auto* text = std::get_if<std::string>(&value))
                          line += " " + name + "=" + *text;
                        if (const auto* number = std::get_if<std::int64_t>(&value))
                          line += " " + name + "=" + std::to_string(*number);
                      }
                      say(line);
                    }});
  network_.on_send = [this](int side, const std::string& site, const Message& message) {
    if (side == 1) {
      hub_->fuse.burn();
      invariants_.sent(*hub_, site, message);
      return;
    }
    const auto sender =
        std::ranges::find(sites_, site, [](const auto& one) { return one->name(); });
    (*sender)->fuse.burn();
  };
  make_sites();
  make_jobs();
}

World::~World() {
  network_.die_all(0);
  network_.die_all(1);
}

Milliseconds World::upto(std::int64_t most_ms) {
  return Milliseconds(
      1 + static_cast<std::int64_t>(random_.uniform_below(static_cast<std::uint64_t>(most_ms))));
}

void World::say(const std::string& what) const {
  if (verbose_)
    std::printf("%9.3f s  %s\n", static_cast<double>(timeline_.now().ms) / 1000.0, what.c_str());
}

void World::make_sites() {
  const std::uint64_t kind = random_.uniform_below(400);
  const std::uint64_t count = kind == 0   ? 100 + random_.uniform_below(101)
                              : kind < 20 ? 20 + random_.uniform_below(30)
                                          : 1 + random_.uniform_below(7);
  for (std::uint64_t i = 0; i < count; ++i) {
    SiteTraits traits;
    traits.rows = 1 + random_.uniform_below(200);
    // Some are 20 times slower; the first is honest and not slow.
    traits.step = upto(i > 0 && random_.uniform_below(6) == 0 ? 20 * kUsualStepMs : kUsualStepMs);
    if (i > 0 && random_.uniform_below(5) == 0)
      traits.lie =
          static_cast<Lie>(1 + random_.uniform_below(static_cast<std::uint64_t>(Lie::kGarbage)));
    add_site("s" + std::to_string(i), traits);
  }
}

void World::add_site(const std::string& name, const SiteTraits& traits) {
  // One that answers for a round to come may be counted before it begins its own work for it.
  const bool early = traits.lie == Lie::kWrongRound;
  const auto started = [this, early](const std::string& site, const Task& task) {
    say(site + " starts " + to_string(task.key));
    if (!early) invariants_.started(*hub_, site, task);
  };
  const auto made = [this](const Digest& digest, const Model& update) {
    invariants_.made(digest, update);
  };
  sites_.push_back(std::make_unique<Site>(name, traits,
                                          Surroundings{timeline_, random_, network_, *log_}, *hub_,
                                          Site::Observer{started, made}));
}

// The rounds of a job: any policy under which the sites that can be relied on are enough, and a
// rule that goes with it.
std::string World::make_rounds(std::uint64_t reliable) {
  const auto one_in = [this](std::uint64_t n) { return random_.uniform_below(n) == 0; };
  const auto number = [](std::uint64_t n) { return std::to_string(n); };
  const std::uint64_t enough = 1 + random_.uniform_below(reliable);
  const std::uint64_t quorum = 1 + random_.uniform_below(enough);
  const bool all = reliable == sites_.size() && one_in(2);
  const bool async = one_in(4);
  static const std::vector<std::string> kRules = {"all", "uniform", "weighted", "fast",
                                                  "round_robin"};
  const std::string rule = kRules[random_.uniform_below(kRules.size())];
  std::string text =
      "rounds: {count: " + number(1 + random_.uniform_below(5)) + ", selection: " + rule +
      ", minimum_sites: " + number(1 + random_.uniform_below(quorum)) +
      ", attempts: 100, wait_for_sites: 7d, alarm_after: 1d, deadline: " +
      number(15'000 + static_cast<std::uint64_t>(upto(kMinute).count())) +
      "ms, disconnect_grace: " + number(static_cast<std::uint64_t>(upto(kMinute).count())) + "ms";
  const bool target = async || one_in(3);
  const bool carry = !async && one_in(3);
  text += ", quorum: " + number(target && one_in(2) ? 0 : all && !target ? 0 : quorum);
  if (target) text += ", target: " + number(enough);
  if (async) {
    text += ", mode: async, concurrency: " + number(one_in(2) ? 0 : enough + 1);
  } else {
    if (target && rule != "all") text += ", over_selection: 1.3";
    if (one_in(2)) text += ", grace: " + number(random_.uniform_below(10'000)) + "ms";
    if (carry) text += ", late: carry";
  }
  if (one_in(3)) text += ", adaptive_deadline: {factor: 3, minimum: 15s}";
  if (async || carry) {
    static const std::vector<std::string> kWeights = {"weight: constant",
                                                      "weight: polynomial, exponent: 0.7",
                                                      "weight: hinge, slope: 0.5, free: 1"};
    text += ", staleness: {" + kWeights[random_.uniform_below(kWeights.size())] +
            ", max: " + number(1 + random_.uniform_below(6)) + "}";
  }
  text += "}";
  if (async || carry || !one_in(4)) return text;
  rooted_ = true;
  return text + "\naggregate: {rule: {name: fltrust, root: root}}";
}

// What a job promises to its sites, where its rounds are such that it can: noise that is hardly
// there, so that models can still be checked, and a budget for so many rounds, or for all.
std::string World::make_privacy(const std::string& rounds, std::uint64_t reliable) {
  const auto has = [&rounds](const char* text) { return rounds.find(text) != rounds.npos; };
  if (!has("target:") || has("staleness:") || has("fltrust") || random_.uniform_below(2) == 0)
    return "";
  const std::string budget = random_.uniform_below(2) == 0 ? "1000000" : "12000";
  std::string more = random_.uniform_below(2) == 0 ? ", adaptive_clip: {count_noise: 1}" : "";
  // Passes of two or three rounds, where those that can be relied on are enough for one.
  const std::uint64_t target = std::stoull(rounds.substr(rounds.find("target: ") + 8));
  if (more.empty() && reliable >= 2 * target && random_.uniform_below(4) > 0) {
    const bool three = reliable >= 3 * target && random_.uniform_below(2) == 0;
    more = std::string(", mechanism: tree, rounds_per_pass: ") + (three ? "3" : "2");
  }
  return "\nprivacy: {sites: {clip: 1, noise_multiplier: 0.01, delta: 1e-5, max_epsilon: " +
         budget + more + "}}\n";
}

// A job that gives up, so that the others must go on without it.
std::string World::make_doomed_rounds() const {
  return "rounds: {count: 1, minimum_sites: " + std::to_string(sites_.size() + 1) +
         ", wait_for_sites: 10m, alarm_after: 5m}";
}

void World::make_jobs() {
  // Those on which a round can count within its deadline.
  const auto reliable =
      static_cast<std::uint64_t>(std::ranges::count_if(sites_, [](const auto& site) {
        return site->traits.lie == Lie::kNone && site->traits.step.count() <= kUsualStepMs;
      }));
  const std::uint64_t count = 1 + random_.uniform_below(3);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string name = "job" + std::to_string(i);
    SubmitJob& job = jobs_.emplace_back();
    job.token = name;
    const bool doomed = count > 1 && random_.uniform_below(6) == 0;
    if (doomed) doomed_.insert(name);
    const std::string rounds = doomed ? make_doomed_rounds() : make_rounds(reliable);
    // What a root makes of updates is known to some roundings only, which those of bf16 would hide.
    const bool deltas = random_.uniform_below(2) == 0 && rounds.find("fltrust") == rounds.npos;
    job.document =
        "name: " + name + "\nseed: " + std::to_string(random_.uniform_below(1000)) +
        "\npriority: " + std::to_string(random_.uniform_below(2)) +
        "\nmodel: logistic\ndata: {dataset: d, task: regression, features: [x], label: y, "
        "standardize: none}\ntrain: {" +
        (deltas ? "download_encoding: bf16" : "") + "}\n" + rounds +
        "\nevaluate: {every: " + std::to_string(random_.uniform_below(3)) +
        ", fraction: " + (random_.uniform_below(2) == 0 ? "0.5" : "1") + "}\n" +
        make_privacy(rounds, reliable);
  }
  if (rooted_)
    add_site("root", {1 + random_.uniform_below(200), upto(kUsualStepMs), Lie::kNone, true});
}

// As an operator at the console: pauses a job for a while, gives it more time, asks for less.
void World::meddle() {
  if (submitted_.empty()) return;
  const JobId job = submitted_[random_.uniform_below(submitted_.size())];
  JobChanges changes;
  switch (random_.uniform_below(4)) {
    case 0:
      changes = paused(true);
      timeline_.after(upto(2 * kMinute), [this, job] { change(job, paused(false)); });
      break;
    case 1:
      changes.deadline_ms = 20'000 + upto(kMinute).count();
      break;
    case 2:
      changes.priority = static_cast<std::int64_t>(random_.uniform_below(5));
      break;
    default:
      changes.quorum = 1;
  }
  change(job, changes);
}

void World::change(const JobId& job, const JobChanges& changes) {
  say("an operator changes " + job.value);
  try {
    hub_->change(job, changes);
  } catch (const Killed& killed) {
    kill(killed.party);
  }
}

// As an operator's script would: until it is told that the job is there, and once more than needed.
void World::submit(std::size_t job) {
  Result<JobSubmitted> submitted = make_error(ErrorCode::kUnavailable, "no answer");
  try {
    submitted = hub_->submit(jobs_[job]);
  } catch (const Killed& killed) {  // the reply is lost, the job perhaps not
    kill(killed.party);
  }
  if (submitted && std::ranges::find(submitted_, submitted->job) == submitted_.end())
    submitted_.push_back(submitted->job);
  if (!submitted) say("submit: " + submitted.error().message);
  if (submitted && random_.uniform_below(3) != 0) return;
  timeline_.after(upto(5'000), [this, job] { submit(job); });
}

void World::kill(const std::string& party) {
  ++verdict_.crashes;
  say("KILLED " + party);
  if (party == "coordinator") {
    hub_->kill();
  } else {
    (*std::ranges::find(sites_, party, [](const auto& site) { return site->name(); }))->kill();
  }
  timeline_.after(upto(calm_ ? 1'000 : 40'000), [this, party] { restart(party); });
}

void World::restart(const std::string& party) {
  if (party == "coordinator") {
    if (hub_->up()) return;
    hub_->start();
    invariants_.check_models(*hub_);
  } else {
    Site& site = **std::ranges::find(sites_, party, [](const auto& one) { return one->name(); });
    if (site.up()) return;
    site.start();
  }
  say("started " + party);
}

void World::fault() {
  Site& site = *sites_[random_.uniform_below(sites_.size())];
  switch (random_.uniform_below(12)) {
    case 0:
      if (hub_->up()) kill("coordinator");
      break;
    case 1:
      if (hub_->up()) hub_->fuse.light(1 + random_.uniform_below(60));
      break;
    case 2:
      if (site.up()) kill(site.name());
      break;
    case 3:
      if (site.up()) site.fuse.light(1 + random_.uniform_below(20));
      break;
    case 4:
    case 5:
      network_.cut_one();
      break;
    case 6:
      network_.stall_one();
      break;
    case 7: {
      say("the coordinator's disk is full");
      hub_->disk.capacity = hub_->disk.used() + random_.uniform_below(500);
      timeline_.after(upto(kMinute), [this] { hub_->disk.capacity = ~0ull; });
      break;
    }
    case 8: {
      site.disk.capacity = site.disk.used() + random_.uniform_below(500);
      timeline_.after(upto(kMinute), [&site] { site.disk.capacity = ~0ull; });
      break;
    }
    case 9:
      say("the clock jumps");
      timeline_.jump(upto(2 * kMinute));
      break;
    default:
      meddle();
  }
}

void World::schedule_fault() {
  timeline_.after(upto(15'000), [this] {
    if (timeline_.now() >= calm_at_) return heal();
    fault();
    schedule_fault();
  });
}

void World::heal() {
  say("faults stop");
  calm_ = true;
  hub_->fuse.put_out();
  hub_->disk.capacity = ~0ull;
  for (const auto& site : sites_) {
    site->fuse.put_out();
    site->disk.capacity = ~0ull;
    restart(site->name());
  }
  restart("coordinator");
  for (const JobId& job : submitted_) change(job, paused(false));
}

bool World::finished() const {
  if (!calm_ || submitted_.size() < jobs_.size()) return false;
  return std::ranges::all_of(hub_->tables.jobs,
                             [](const JobRecord& job) { return is_over(job.state); });
}

std::string World::unfinished() const {
  std::string text = "not finished after the faults stopped:";
  for (const JobRecord& job : hub_->tables.jobs) {
    text += " " + job.id.value + " is " + std::string(job_state_name(job.state)) + " at round " +
            std::to_string(job.round) + " " + job.detail;
  }
  return text;
}

// One step, in which a party may be killed.
void World::step_safely(TimePoint end, bool& more) {
  try {
    more = timeline_.step(end);
  } catch (const Killed& killed) {
    kill(killed.party);
  }
  invariants_.check(*hub_, timeline_.now());
  check_limits();
}

// What piles up at the parties stays within what their jobs can need.
void World::check_limits() const {
  for (const auto& site : sites_) {
    if (site->disk.files() > 10 * jobs_.size())
      throw Violated{site->name() + " keeps " + std::to_string(site->disk.files()) + " files"};
  }
  if (hub_->up() && hub_->outstanding() > 4 * sites_.size() * jobs_.size() + 20)
    throw Violated{"the worker has " + std::to_string(hub_->outstanding()) + " calls waiting"};
}

Verdict World::run() {
  try {
    hub_->start();
    for (const auto& site : sites_)
      timeline_.after(upto(20'000), [&one = *site] {
        if (!one.up()) one.start();
      });
    for (std::size_t job = 0; job < jobs_.size(); ++job)
      timeline_.after(upto(30'000), [this, job] { submit(job); });
    schedule_fault();
    const TimePoint end = calm_at_ + Milliseconds(8LL * 24 * 60 * kMinute);
    for (bool more = true; more && !finished(); ++verdict_.steps) {
      step_safely(end, more);
      if (verdict_.steps > kStepsMax) throw Violated{"too many steps; " + unfinished()};
    }
    if (!finished()) throw Violated{unfinished()};
    for (const JobRecord& job : hub_->tables.jobs) {
      if (job.state != (doomed_.contains(job.name) ? JobState::kFailed : JobState::kFinished))
        throw Violated{"job " + job.id.value + " is " + std::string(job_state_name(job.state)) +
                       ": " + job.detail};
    }
    invariants_.check_models(*hub_);
  } catch (const Violated& violated) {
    verdict_.clean = false;
    verdict_.what = violated.what;
  }
  verdict_.rounds = invariants_.committed();
  verdict_.virtual_ms = timeline_.now().ms;
  return verdict_;
}

}  // namespace tributary::sim

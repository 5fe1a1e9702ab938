// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/secure_sums.h"

#include <algorithm>
#include <exception>
#include <set>
#include <utility>

#include "common/base/random_source.h"
#include "common/crypto/digest.h"
#include "common/privacy/secagg/sum_plan.h"

namespace tributary {
namespace {

// No memory for a large model costs that try, never the daemon.
template <typename Work>
auto caught(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& error) {
    return make_error(ErrorCode::kResourceExhausted, error.what());
  }
}

}  // namespace

// What outlives a sum that is given up: work on the strand and fetches come back to it, and find it
// abandoned.
struct SecureSums::Group {
  TaskKey key;
  SiteName name;  // under which its update is folded
  std::vector<SiteName> sites;
  Trust trust{""};
  std::unique_ptr<CertificateNotary> notary;
  std::unique_ptr<SumServer> server;
  std::shared_ptr<GroupSum> sum;
  std::set<Digest> inputs;  // that are fetched
  bool abandoned = false;
};

struct SecureSums::Running {
  MakeSum wanted;
  JobSpec spec;
  std::vector<std::shared_ptr<Group>> groups;
  std::size_t open = 0;  // groups
  SumMade made;
};

void SecureSums::report(const char* event, const TaskKey& key,
                        std::vector<std::pair<std::string, FieldValue>> fields) const {
  Report report{event,
                {{"job", key.job.value},
                 {"round", std::int64_t{key.round}},
                 {"task", std::string(task_kind_name(key.kind))}}};
  std::ranges::move(fields, std::back_inserter(report.fields));
  ports_.report(report);
}

void SecureSums::make(const MakeSum& wanted, const JobSpec& spec, const std::string& document) {
  const JobId job = wanted.key.job;
  close(job);
  Running& running = *(running_[job] = std::make_shared<Running>());
  running.wanted = wanted;
  running.spec = spec;
  running.made.key = wanted.key;
  if (const Status begun = caught([&] { return begin(running, document); }); !begun)
    return ports_.to_engine([this, job, what = begun.error().message] { fail(job, what); });
  std::vector<std::pair<SiteName, SumAnswer>> early;
  for (const SiteName& site : wanted.sites) {
    if (auto keys = early_.extract({job, site})) early.emplace_back(site, std::move(keys.mapped()));
  }
  // The engine is in the middle of its own step.
  ports_.to_engine([this, early = std::move(early)] {
    for (const auto& [site, keys] : early) on_answer(site, keys);
  });
}

// Groups by lot, from the job's seed, round for round anew. Sites do not check the lot: a
// coordinator that lies chooses, and what holds then is the size of a group.
Status SecureSums::begin(Running& running, const std::string& document) {
  if (!ports_.trust) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "secure sums need the certificates of a federation");
  }
  const MakeSum& wanted = running.wanted;
  TRIB_TRY(model,
           ports_.models.read_model(
               wanted.key.job, wanted.key.round - (wanted.key.kind == TaskKind::kTrain ? 1 : 0)));
  const Layout layout = model->layout();
  const SumContext context = sum_context(running.spec, wanted.key, sha256(as_bytes(document)),
                                         wanted.model.digest, layout.element_count());
  std::vector<SiteName> sites = wanted.sites;
  const std::size_t size = running.spec.privacy.secure_aggregation->group_size;
  const bool grouped = wanted.key.kind == TaskKind::kTrain && size > 0;
  const std::size_t groups = grouped ? std::max<std::size_t>(1, sites.size() / size) : 1;
  SeededRandom random(derive_seed(running.spec.seed, "groups of secure sums",
                                  wanted.key.round * 1'000ull + wanted.key.attempt));
  random.shuffle(sites);
  std::vector<std::vector<SiteName>> members(groups);
  for (std::size_t i = 0; i < sites.size(); ++i) members[i % groups].push_back(sites[i]);
  for (std::vector<SiteName>& group : members)
    add_group(running, context, layout, std::move(group));
  return {};
}

void SecureSums::add_group(Running& running, const SumContext& context, const Layout& layout,
                           std::vector<SiteName> sites) {
  const JobSpec& spec = running.spec;
  auto group = std::make_shared<Group>();
  group->key = running.wanted.key;
  group->name = SiteName{"sum-" + std::to_string(running.groups.size() + 1)};
  group->sites = sites;
  group->trust = ports_.trust();
  group->notary = std::make_unique<CertificateNotary>(
      nullptr, group->trust, [&clock = ports_.clock] { return clock.wall_ms() / 1000; });
  SumServer::Options options;
  options.least = least_members(spec, group->key, running.wanted.least);
  options.step = Milliseconds(spec.privacy.secure_aggregation->step_ms);
  options.input_bytes = input_bytes(context.numbers, context.bits, context.wide);
  group->server = std::make_unique<SumServer>(context, std::move(sites), options, *group->notary,
                                              ports_.clock.now());
  group->sum = std::make_shared<GroupSum>(context, spec, layout, ports_.blobs, ports_.parallel);
  report("sum.started", group->key,
         {{"sites", static_cast<std::int64_t>(group->sites.size())},
          {"bytes", static_cast<std::int64_t>(options.input_bytes)}});
  running.groups.push_back(std::move(group));
  ++running.open;
}

// --- events ---

void SecureSums::on_answer(const SiteName& site, const SumAnswer& answer) {
  const JobId& job = answer.key.job;
  const auto found = running_.find(job);
  if (found == running_.end() || found->second->wanted.key != answer.key) {
    // One for each site and job: a later task's take the place of an earlier one's.
    if (std::holds_alternative<SumKeys>(answer.body)) early_.insert_or_assign({job, site}, answer);
    return;
  }
  for (const auto& group : std::vector(found->second->groups)) {
    if (std::ranges::count(group->sites, site) == 0) continue;
    return perform(group, group->server->handle(ports_.clock.now(), site, answer.body));
  }
}

void SecureSums::pass_time() {
  std::vector<std::shared_ptr<Group>> all;
  for (const auto& [job, running] : running_)
    all.insert(all.end(), running->groups.begin(), running->groups.end());
  for (const auto& group : all) {
    const auto wake = group->abandoned ? std::nullopt : group->server->next_wake();
    if (wake && *wake <= ports_.clock.now())
      perform(group, group->server->pass_time(ports_.clock.now()));
  }
}

std::optional<TimePoint> SecureSums::next_wake() const {
  std::optional<TimePoint> wake;
  for (const auto& [job, running] : running_) {
    for (const auto& group : running->groups) {
      const auto of_group = group->server->next_wake();
      if (of_group && (!wake || *of_group < *wake)) wake = of_group;
    }
  }
  return wake;
}

bool SecureSums::uses(const Digest& digest) const {
  return std::ranges::any_of(running_, [&digest](const auto& running) {
    return std::ranges::any_of(running.second->groups, [&digest](const auto& group) {
      return group->inputs.contains(digest);
    });
  });
}

void SecureSums::close(const JobId& job) {
  const auto found = running_.extract(job);
  if (found.empty()) return;
  for (const auto& group : found.mapped()->groups) group->abandoned = true;
}

void SecureSums::forget(const JobId& job) {
  close(job);
  std::erase_if(early_, [&job](const auto& entry) { return entry.first.first == job; });
}

void SecureSums::fail(const JobId& job, const std::string& detail) {
  const auto found = running_.extract(job);
  if (found.empty()) return;
  for (const auto& group : found.mapped()->groups) group->abandoned = true;
  const TaskKey key = found.mapped()->wanted.key;
  report("sum.failed", key, {{"detail", detail}});
  ports_.answer(SumNotMade{key, detail, std::move(found.mapped()->made.left)});
}

// --- effects ---

struct SecureSums::Performer {
  SecureSums& sums;
  const std::shared_ptr<Group>& group;

  void operator()(const SumSend& e) {
    sums.ports_.sites.send(e.site, SumRequest{group->key, e.body});
  }
  void operator()(const SumFetch& e) {
    // Masked bytes were never here before: it named a blob of somebody else.
    if (sums.ports_.blobs.contains(e.masked.digest)) {
      return sums.ports_.to_engine([&s = sums, g = group, e] {
        if (!g->abandoned)
          s.perform(g, g->server->gone(s.ports_.clock.now(), e.site, "lied: not its own input"));
      });
    }
    group->inputs.insert(e.masked.digest);
    sums.ports_.sites.fetch(e.site, e.masked, Lodging::kDisk,
                            [&s = sums, g = group, e](const Status& outcome) {
                              s.fetched(g, e.site, e.masked, outcome);
                            });
  }
  // Opened now: what nobody names any more may be removed before its turn on the strand has come.
  void operator()(const SumAdd& e) {
    auto file = sums.ports_.blobs.open_verified(e.masked.digest);
    if (!file) return sums.fail(group->key.job, "an input was lost here: " + file.error().message);
    if ((*file)->size() != e.masked.bytes)
      return sums.fail(group->key.job, e.site.value + " lied about the size of its input");
    sums.ports_.to_worker(
        group->key.job,
        [sum = group->sum, input = std::shared_ptr(*std::move(file))] { sum->add(*input); });
    group->inputs.erase(e.masked.digest);
    static_cast<void>(sums.ports_.blobs.remove(e.masked.digest).has_value());
  }
  void operator()(const SumLeft& e) {
    sums.report("sum.left", group->key,
                {{"site", e.site.value}, {"reason", e.reason}, {"detail", e.detail}});
    left()[e.site] = e.reason + (e.detail.empty() ? "" : ": " + e.detail);
  }
  void operator()(const SumUnmask& e) {
    // Who went away after its input was whole is in the sum.
    for (const SiteName& site : e.survivors) left().erase(site);
    sums.unmask(group, e);
  }
  void operator()(const SumFailed& e) { sums.fail(group->key.job, e.reason + ": " + e.detail); }

 private:
  std::map<SiteName, std::string>& left() { return sums.running_.at(group->key.job)->made.left; }
};

void SecureSums::perform(const std::shared_ptr<Group>& group, const SumEffects& effects) {
  Performer performer{*this, group};
  for (const SumEffect& effect : effects) {
    if (group->abandoned) return;
    std::visit(performer, effect);
  }
}

void SecureSums::fetched(const std::shared_ptr<Group>& group, const SiteName& site,
                         const BlobRef& input, const Status& outcome) {
  if (group->abandoned) return;
  const TimePoint now = ports_.clock.now();
  if (outcome) return perform(group, group->server->input_arrived(now, site, input.digest));
  // It says so again on its next link, or is late.
  if (outcome.error().code == ErrorCode::kUnavailable) return;
  perform(group, group->server->gone(now, site, outcome.error().message));
}

void SecureSums::unmask(const std::shared_ptr<Group>& group, const SumUnmask& unmask) {
  const std::size_t members = group->server->members();
  ports_.to_worker(group->key.job, [this, group, unmask, members] {
    if (group->key.kind == TaskKind::kTrain) {
      auto mean = caught([&] { return group->sum->mean_update(unmask, members, group->name); });
      ports_.to_engine([this, group, mean = std::move(mean)] { made(group, mean); });
    } else {
      auto counts = caught([&] { return group->sum->counts(unmask); });
      ports_.to_engine([this, group, counts = std::move(counts)] { counted(group, counts); });
    }
  });
}

void SecureSums::made(const std::shared_ptr<Group>& group, Result<GroupSum::MeanUpdate> mean) {
  if (group->abandoned) return;
  if (!mean) return fail(group->key.job, mean.error().message);
  const SumFigures& figures = mean->figures;
  report("sum.made", group->key,
         {{"examples", static_cast<std::int64_t>(figures.examples)},
          {"loss", mean->update.result.train_loss},
          {"norm", mean->update.norm},
          {"clipped", static_cast<std::int64_t>(figures.clipped)},
          {"saturated", static_cast<std::int64_t>(figures.saturated)}});
  running_.at(group->key.job)->made.sums.push_back(std::move(mean->update));
  end_group(group);
}

void SecureSums::counted(const std::shared_ptr<Group>& group, Result<EvaluationCounts> counts) {
  if (group->abandoned) return;
  if (!counts) return fail(group->key.job, counts.error().message);
  report("sum.made", group->key, {{"examples", static_cast<std::int64_t>(counts->examples)}});
  running_.at(group->key.job)->made.counts = *std::move(counts);
  end_group(group);
}

void SecureSums::end_group(const std::shared_ptr<Group>& group) {
  const auto found = running_.find(group->key.job);
  if (--found->second->open > 0) return;
  const SumMade made = std::move(found->second->made);
  running_.erase(found);
  ports_.answer(made);
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// SecureSums: how sums begin, and what sites say. What follows is in secure_sums_effects.cc.
#include "coordinator/service/secure_sums.h"

#include <algorithm>
#include <utility>

#include "common/base/random_source.h"
#include "common/config/job_file.h"
#include "common/crypto/digest.h"
#include "common/privacy/secagg/sum_plan.h"
#include "coordinator/service/sums_under_way.h"

namespace tributary {
namespace {

constexpr const char* kNotInResumed =
    "resumed: the sum goes on after a crash of the coordinator with the sites that were in it";

std::set<SiteName> names_of(const std::vector<SumMember>& roster) {
  std::set<SiteName> names;
  for (const SumMember& member : roster) names.insert(member.site);
  return names;
}

}  // namespace

void SecureSums::report(const char* event, const TaskKey& key,
                        std::vector<std::pair<std::string, FieldValue>> fields) const {
  Report report{event,
                {{"job", key.job.value},
                 {"round", std::int64_t{key.round}},
                 {"task", std::string(task_kind_name(key.kind))}}};
  std::ranges::move(fields, std::back_inserter(report.fields));
  ports_.report(report);
}

// What an earlier life kept is read on the strand: all of the inputs' sum is compared with its
// digest.
void SecureSums::make(const MakeSum& wanted, const JobSpec& spec, const std::string& document) {
  const JobId job = wanted.key.job;
  close(job);
  const auto running = std::make_shared<Running>();
  running_[job] = running;
  running->wanted = wanted;
  running->spec = spec;
  running->document = document;
  running->made.key = wanted.key;
  running->loading = true;
  if (ports_.kept == nullptr || !ports_.kept->any(job)) {
    // The engine is in the middle of its own step.
    return ports_.to_engine([this, running] { take_up(running, std::vector<Found>{}); });
  }
  ports_.to_worker(job, [this, running, job] {
    const auto found =
        std::make_shared<Result<std::vector<Found>>>(caught([&] { return load(job); }));
    ports_.to_engine([this, running, found] { take_up(running, std::move(*found)); });
  });
}

Result<std::vector<SecureSums::Found>> SecureSums::load(const JobId& job) const {
  TRIB_TRY(sums, ports_.kept->load(job));
  std::vector<Found> found;
  for (KeptSum& sum : sums) {
    TRIB_TRY(file, ports_.blobs.open_verified(sum.inputs.digest));
    if (file->size() != sum.inputs.bytes)
      return make_error(ErrorCode::kDataLoss, "the sum of the inputs has another size");
    found.push_back({std::move(sum), std::shared_ptr(std::move(file))});
  }
  return found;
}

// What cannot be gone on with is as if it were not there: this attempt begins anew.
void SecureSums::take_up(const std::shared_ptr<Running>& running,
                         Result<std::vector<Found>> found) {
  const TaskKey& key = running->wanted.key;
  const auto still = running_.find(key.job);
  if (still == running_.end() || still->second != running) return;
  const bool lost = !found;
  if (lost) report("sum.unkept", key, {{"detail", found.error().message}});
  const bool of_it =
      !lost && !found->empty() && std::ranges::all_of(*found, [&key](const Found& one) {
        return one.sum.key.round == key.round && one.sum.key.kind == key.kind;
      });
  Status begun = of_it ? caught([&] { return begin(*running, *found); }) : Status{};
  if (of_it && !begun && begun.error().code == ErrorCode::kUnavailable)
    return fail(key.job, begun.error().message, false);
  if (of_it && !begun) {
    report("sum.unkept", key, {{"detail", begun.error().message}});
    running->groups.clear();
    running->open = 0;
    running->made.left.clear();
    running->made.also.clear();
  }
  if (!of_it || !begun) {
    drop_kept(key.job);
    begun = caught([&] { return begin(*running, {}); });
  }
  if (!begun) return fail(key.job, begun.error().message);
  running->loading = false;
  hear_early(key.job);
}

// Groups by lot, from the job's seed, round for round anew. Sites do not check the lot: a
// coordinator that lies chooses, and what holds then is the size of a group.
Status SecureSums::begin(Running& running, const std::vector<Found>& found) {
  if (!ports_.trust) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "secure sums need the certificates of a federation");
  }
  const MakeSum& wanted = running.wanted;
  TRIB_TRY(model,
           ports_.models.read_model(
               wanted.key.job, wanted.key.round - (wanted.key.kind == TaskKind::kTrain ? 1 : 0)));
  const Layout layout = model->layout();
  const SumContext context =
      sum_context(running.spec, wanted.key, sha256(as_bytes(running.document)), wanted.model.digest,
                  layout.element_count(), wanted.clip);
  if (hides_sites(running.spec, wanted.key.kind)) {
    // How much noise each site adds follows from the file alone, whatever operators have changed.
    TRIB_TRY(file, parse_job(running.document, "job " + wanted.key.job.value));
    running.spec.rounds = file.spec.rounds;
  }
  TRIB_CHECK_OK(resume(running, context, layout, found));
  std::vector<SiteName> sites = wanted.sites;
  std::erase_if(sites, [&](const SiteName& site) {
    return std::ranges::any_of(running.groups, [&site](const auto& group) {
      return std::ranges::count(group->sites, site) > 0;
    });
  });
  return add_groups(running, context, layout, std::move(sites));
}

SumServer::Options SecureSums::options(const Running& running, const SumContext& context) const {
  SumServer::Options options;
  options.least = least_members(running.spec, running.wanted.key.kind, running.wanted.least);
  options.step = Milliseconds(running.spec.privacy.secure_aggregation->step_ms);
  options.input_bytes = input_bytes(context.numbers, context.bits, context.wide);
  return options;
}

std::shared_ptr<SecureSums::Group> SecureSums::new_group(const Running& running,
                                                         const SumContext& context,
                                                         const Layout& layout) const {
  auto group = std::make_shared<Group>();
  group->key = context.key;
  group->trust = ports_.trust();
  group->notary = std::make_unique<CertificateNotary>(
      nullptr, group->trust, [&clock = ports_.clock] { return clock.wall_ms() / 1000; });
  group->sum =
      std::make_shared<GroupSum>(context, running.spec, layout, ports_.blobs, ports_.parallel);
  return group;
}

// Whoever was to be in it and is not, or is ready now and was not in it, is left out; whoever is in
// it and is not ready now is in it all the same.
Status SecureSums::resume(Running& running, const SumContext& context, const Layout& layout,
                          const std::vector<Found>& found) {
  const std::set<SiteName> ready(running.wanted.sites.begin(), running.wanted.sites.end());
  for (const Found& one : found) {
    SumContext as_it_began = context;
    as_it_began.key = one.sum.key;
    const auto group = new_group(running, as_it_began, layout);
    group->name = one.sum.name;
    const SumServer::Options how = options(running, context);
    if (one.sum.inputs.bytes != how.input_bytes)
      return make_error(ErrorCode::kDataLoss, "the inputs were of another model");
    TRIB_TRY(server, SumServer::resume(as_it_began, one.sum.snapshot, how, *group->notary,
                                       ports_.clock.now()));
    group->server = std::move(server);
    group->kept = one.sum.inputs;
    kept_blobs_[group->key.job].insert(group->kept.digest);
    const std::set<SiteName> members = names_of(one.sum.snapshot.roster);
    group->sites.assign(members.begin(), members.end());
    const std::vector<SiteName> survivors = group->server->survivors();
    for (const SiteName& site : members) {
      const bool in_it = std::ranges::count(survivors, site) > 0;
      if (in_it && !ready.contains(site)) running.made.also.push_back(site);
      if (!in_it && ready.contains(site)) running.made.left[site] = kNotInResumed;
    }
    ports_.to_worker(group->key.job,
                     [sum = group->sum, inputs = one.inputs] { sum->add(*inputs); });
    report("sum.resumed", group->key,
           {{"sites", static_cast<std::int64_t>(survivors.size())},
            {"phase", std::string(group->server->phase())}});
    running.groups.push_back(group);
    ++running.open;
  }
  return {};
}

// Of those who are in no sum that goes on. Where they are too few for one, they are in none.
Status SecureSums::add_groups(Running& running, const SumContext& context, const Layout& layout,
                              std::vector<SiteName> sites) {
  const MakeSum& wanted = running.wanted;
  const std::size_t size = running.spec.privacy.secure_aggregation->group_size;
  const bool grouped = wanted.key.kind == TaskKind::kTrain && size > 0;
  const SumServer::Options how = options(running, context);
  if (!running.groups.empty() && (!grouped || sites.size() < how.least)) {
    std::size_t in_it = 0;
    for (const auto& group : running.groups) in_it += group->server->survivors().size();
    if (in_it < wanted.least) {
      return make_error(ErrorCode::kUnavailable,
                        "of the groups some go on after a crash with " + std::to_string(in_it) +
                            " sites, and the others have too few for a sum");
    }
    for (const SiteName& site : sites) running.made.left[site] = kNotInResumed;
    return {};
  }
  if (hides_sites(running.spec, wanted.key.kind)) {
    TRIB_TRY(fits, noisy_coding(running.spec, sites.size(), context.numbers, context.clip));
    static_cast<void>(fits);
  }
  const std::size_t groups = grouped ? std::max<std::size_t>(1, sites.size() / size) : 1;
  SeededRandom random(derive_seed(running.spec.seed, "groups of secure sums",
                                  wanted.key.round * 1'000ull + wanted.key.attempt));
  random.shuffle(sites);
  std::vector<std::vector<SiteName>> members(groups);
  for (std::size_t i = 0; i < sites.size(); ++i) members[i % groups].push_back(sites[i]);
  for (std::vector<SiteName>& of_group : members) {
    const auto group = new_group(running, context, layout);
    std::size_t number = 1;
    const auto taken = [&](const auto& other) {
      return other->name.value == "sum-" + std::to_string(number);
    };
    while (std::ranges::any_of(running.groups, taken)) ++number;
    group->name = SiteName{"sum-" + std::to_string(number)};
    group->sites = of_group;
    group->server = std::make_unique<SumServer>(context, std::move(of_group), how, *group->notary,
                                                ports_.clock.now());
    report("sum.started", group->key,
           {{"sites", static_cast<std::int64_t>(group->sites.size())},
            {"bytes", static_cast<std::int64_t>(how.input_bytes)}});
    running.groups.push_back(group);
    ++running.open;
  }
  return {};
}

// --- what sites say ---

void SecureSums::on_answer(const SiteName& site, const SumAnswer& answer) {
  if (!hear(site, answer)) note_early(site, answer);
}

// False: no sum that is under way is meant.
bool SecureSums::hear(const SiteName& site, const SumAnswer& answer) {
  const auto found = running_.find(answer.key.job);
  if (found == running_.end() || found->second->loading) return false;
  for (const auto& group : std::vector(found->second->groups)) {
    if (group->key != answer.key || std::ranges::count(group->sites, site) == 0) continue;
    if (!group->abandoned)
      perform(group, group->server->handle(ports_.clock.now(), site, answer.body));
    return true;
  }
  return false;
}

// One of each for a site and job: a later task's take the place of an earlier one's. Why a site
// leaves an earlier sum says nothing of the one that it has given keys for since.
void SecureSums::note_early(const SiteName& site, const SumAnswer& answer) {
  const JobId& job = answer.key.job;
  if (std::holds_alternative<SumKeys>(answer.body) ||
      std::holds_alternative<SumAbort>(answer.body)) {
    std::optional<SumAnswer>& keys = early_[{job, site}].keys;
    const bool is_new = std::holds_alternative<SumKeys>(answer.body);
    if (is_new || !keys || keys->key == answer.key) keys = answer;
    return;
  }
  const bool may_go_on = std::holds_alternative<SumInput>(answer.body) ||
                         std::holds_alternative<SumAgreement>(answer.body) ||
                         std::holds_alternative<SumReveal>(answer.body);
  if (may_go_on && ports_.kept != nullptr && ports_.kept->any(job))
    early_[{job, site}].last = answer;
}

// In the order in which sites say them: what they said last shows that they have the secrets of
// that sum, though keys of another one follow.
void SecureSums::hear_early(const JobId& job) {
  std::map<SiteName, Early> early;
  for (auto at = early_.lower_bound({job, SiteName{}});
       at != early_.end() && at->first.first == job;) {
    early.emplace(at->first.second, std::move(at->second));
    at = early_.erase(at);
  }
  for (const auto& [site, said] : early) {
    if (said.last) static_cast<void>(hear(site, *said.last));
    if (said.keys) on_answer(site, *said.keys);
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
  const auto is_kept = [&digest](const auto& kept) { return kept.second.contains(digest); };
  if (std::ranges::any_of(kept_blobs_, is_kept)) return true;
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

void SecureSums::committed(const JobId& job) { drop_kept(job); }

void SecureSums::forget(const JobId& job) {
  close(job);
  drop_kept(job);
  std::erase_if(early_, [&job](const auto& entry) { return entry.first.first == job; });
}

// In the strand's order: what is being kept of it now goes too.
void SecureSums::drop_kept(const JobId& job) {
  const bool in_this_life = kept_blobs_.erase(job) > 0;
  if (ports_.kept == nullptr || (!in_this_life && !ports_.kept->any(job))) return;
  ports_.to_worker(job, [kept = ports_.kept, job] {
    static_cast<void>(kept->forget(job).has_value());  // a round that is over is not gone on with
  });
}

}  // namespace tributary

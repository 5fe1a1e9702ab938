// SPDX-License-Identifier: Apache-2.0
// SecureSums: what the sums under way ask for, and how they end.
#include <utility>

#include "coordinator/aggregation/rule.h"
#include "coordinator/service/secure_sums.h"
#include "coordinator/service/sums_under_way.h"

namespace tributary {

// Not for good: what is kept may be gone on with by the next attempt.
void SecureSums::fail(const JobId& job, const std::string& detail, bool for_good) {
  const auto found = running_.extract(job);
  if (found.empty()) return;
  for (const auto& group : found.mapped()->groups) group->abandoned = true;
  if (for_good) drop_kept(job);
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
  void operator()(const SumKeep& e) { sums.keep(group, e.snapshot); }
  void operator()(const SumRecover& e) { sums.recover(group, e.recovery); }
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

// The sum of the inputs first, then who is in it; the second time, with their agreements, the
// inputs are there. Where it cannot be kept, the sum is made all the same.
void SecureSums::keep(const std::shared_ptr<Group>& group, const SumSnapshot& snapshot) {
  const auto done = [this, group](const Result<BlobRef>& kept) {
    if (group->abandoned) return;
    group->kept = kept ? *kept : BlobRef{};
    if (kept && !kept->digest.is_none()) kept_blobs_[group->key.job].insert(kept->digest);
    if (!kept) report("sum.unkept", group->key, {{"detail", kept.error().message}});
    perform(group, group->server->kept(ports_.clock.now()));
  };
  const bool first = snapshot.agreements.empty();
  if (ports_.kept == nullptr || (!first && group->kept.digest.is_none()))
    return ports_.to_engine([done] { done(BlobRef{}); });
  KeptSum sum{group->key, group->name, snapshot, group->kept};
  ports_.to_worker(group->key.job, [this, done, first, sum, inputs = group->sum]() mutable {
    const Result<BlobRef> kept = caught([&]() -> Result<BlobRef> {
      if (first) {
        TRIB_TRY(put, inputs->put());
        sum.inputs = put;
      }
      TRIB_CHECK_OK(ports_.kept->keep(sum));
      return sum.inputs;
    });
    ports_.to_engine([done, kept] { done(kept); });
  });
}

void SecureSums::recover(const std::shared_ptr<Group>& group, const SumRecovery& recovery) {
  ports_.to_worker(group->key.job, [this, group, recovery] {
    const auto masks = caught([&]() -> Result<RecoveredMasks> { return recover_masks(recovery); });
    ports_.to_engine([this, group, masks] {
      if (group->abandoned) return;
      if (!masks) return fail(group->key.job, masks.error().message);
      perform(group, group->server->recovered(ports_.clock.now(), *masks));
    });
  });
}

void SecureSums::unmask(const std::shared_ptr<Group>& group, const SumUnmask& unmask) {
  const std::size_t members = group->server->members();
  ports_.to_worker(group->key.job, [this, group, unmask, members] {
    if (group->key.kind == TaskKind::kTrain) {
      auto mean = caught([&] { return group->sum->mean_update(unmask, members, group->name); });
      ports_.to_engine([this, group, sites = unmask.survivors.size(), mean = std::move(mean)] {
        made(group, sites, mean);
      });
    } else {
      auto counts = caught([&] { return group->sum->counts(unmask); });
      ports_.to_engine([this, group, counts = std::move(counts)] { counted(group, counts); });
    }
  });
}

void SecureSums::made(const std::shared_ptr<Group>& group, std::size_t sites,
                      Result<GroupSum::MeanUpdate> mean) {
  if (group->abandoned) return;
  if (!mean) return fail(group->key.job, mean.error().message);
  const std::optional<SumFigures> figures = mean->figures;
  std::vector<std::pair<std::string, FieldValue>> fields;
  if (figures) {
    fields = {{"examples", static_cast<std::int64_t>(figures->examples)},
              {"mean_norm",
               static_cast<double>(figures->norm_units) * kLossUnit / static_cast<double>(sites)},
              {"clipped", static_cast<std::int64_t>(figures->clipped)},
              {"saturated", static_cast<std::int64_t>(figures->saturated)}};
  }
  const std::shared_ptr<Running>& running = running_.at(group->key.job);
  if (figures && !running->spec.privacy.records)
    fields.emplace_back("loss", mean->update.result.train_loss);
  fields.emplace_back("norm", mean->update.norm);
  report("sum.made", group->key, std::move(fields));
  mean->update.key = running->wanted.key;
  // The mean over groups is that over their sites; rules that compare the groups see them alike.
  const auto rule = find_rule(running->spec.aggregation.rule.name);
  if (rule && (*rule)->streams() && figures) mean->update.weight = figures->weight;
  running->made.sums.push_back(std::move(mean->update));
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
  // A training's is kept until the round is committed, should its update be lost before.
  if (made.key.kind == TaskKind::kEvaluate) drop_kept(made.key.job);
  ports_.answer(made);
}

}  // namespace tributary

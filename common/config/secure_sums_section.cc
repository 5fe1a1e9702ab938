// SPDX-License-Identifier: Apache-2.0
#include "common/config/secure_sums_section.h"

#include <algorithm>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/config/catalog.h"
#include "common/config/job_sections.h"
#include "common/domain/task.h"
#include "common/privacy/secagg/sharing_plan.h"
#include "common/privacy/secagg/sum_plan.h"

namespace tributary {
namespace {

using Need = Section::Need;
constexpr NumberRange kPositive{.min = 0.0, .above_min = true};
constexpr NumberRange kShare{.min = 0.0, .max = 1.0, .below_max = true};

// Whether sums of as many sites as are expected can be made at all: what cannot be said now costs
// each site a training, and where it promises privacy of records a part of its budget.
void check_sizes(Section& rounds, Section& privacy, const JobSpec& spec) {
  const SecureAggregation& secure = *spec.privacy.secure_aggregation;
  Section from = privacy.section("secure_aggregation", Need::kRequired);
  const bool grouped = secure.group_size > 0;
  if (grouped && secure.group_size < limits::kSitesOfASumMin)
    from.fault("group_size", "at least 3");
  if (spec.rounds.minimum_sites < limits::kSitesOfASumMin) {
    rounds.fault("minimum_sites",
                 "at least 3: a sum of fewer sites tells each of them the others'");
  }
  const std::int64_t least = least_sites_of(spec.rounds);
  const std::uint32_t wanted = grouped ? secure.group_size : limits::kSitesOfASumMin;
  if (least < wanted) {
    rounds.fault(quorum_key(spec.rounds),
                 "lets " + std::to_string(least) + " sites be enough, and " +
                     (grouped ? "a group" : "a sum") + " takes at least " + std::to_string(wanted));
  }
  const auto expected =
      grouped ? secure.group_size : std::max(spec.rounds.minimum_sites, spec.rounds.target);
  if (expected < limits::kSitesOfASumMin) return;
  const CohortRisks risks{secure.adversarial, secure.dropout, true};
  if (!plan_sharing(expected, risks)) {
    from.fault("adversarial",
               "with dropout no shares of secrets hold among " + std::to_string(expected) +
                   " sites: so many may lie and so many go away; make one of them smaller, or take "
                   "more sites");
  }
  if (spec.privacy.sites) return;  // whose noise decides, see check_noise
  // A group takes the remainder, too.
  const std::uint64_t most = grouped ? 2 * std::uint64_t{expected} - 1 : expected;
  if (const Status fits = check_coding(sum_coding(spec, most)); !fits)
    from.fault("bits", fits.error().message);
}

// Whether sites can hide in sums of as many as come: of the fewest, and of those that a round is
// made for. How many values the model has is known at the first sum.
void check_noise(Section& privacy, const JobSpec& spec) {
  if (!spec.privacy.sites || spec.privacy.secure_aggregation->group_size > 0) return;
  const auto least = std::max<std::int64_t>(limits::kSitesOfASumMin, least_sites_of(spec.rounds));
  for (const std::int64_t members : {least, std::max<std::int64_t>(least, spec.rounds.target)}) {
    const auto fits =
        noisy_coding(spec, static_cast<std::uint64_t>(members), 1, spec.privacy.sites->clip);
    if (!fits) return privacy.fault("sites", fits.error().message);
  }
}

}  // namespace

std::optional<SecureAggregation> read_secure_aggregation(Section& privacy,
                                                         const std::optional<SitePrivacy>& sites) {
  Section from = privacy.section("secure_aggregation", Need::kOptional);
  if (!from.present()) return std::nullopt;
  SecureAggregation secure;
  const std::string bits = from.choice("bits", {"16", "20", "24", "32"}, "32");
  secure.bits = static_cast<std::uint32_t>(std::stoul(bits));
  // One clip for both: what noise hides is what was shortened to it.
  secure.clip =
      sites ? from.number("clip", kPositive, sites->clip) : from.number("clip", kPositive);
  if (sites && secure.clip != sites->clip) {
    from.fault("clip",
               "must be that of privacy.sites, which hides what is shortened to it; leave "
               "it out");
  }
  secure.range = from.number("range", kPositive, secure.clip);
  secure.adversarial = from.number("adversarial", kShare, secure.adversarial);
  secure.dropout = from.number("dropout", kShare, secure.dropout);
  secure.group_size = static_cast<std::uint32_t>(
      from.integer("group_size", {0, static_cast<std::int64_t>(limits::kSitesMax)}, 0));
  secure.step_ms =
      from.duration_ms("step", {limits::kWaitMinMs, limits::kWaitMaxMs}, secure.step_ms);
  return secure;
}

void check_secure_aggregation(Section& root, Section& privacy, const JobSpec& spec) {
  const std::string named = "privacy.secure_aggregation";
  const SecureAggregation& secure = *spec.privacy.secure_aggregation;
  Section rounds = root.section("rounds", Need::kRequired);
  Section train = root.section("train", Need::kRequired);
  check_sizes(rounds, privacy, spec);
  check_noise(privacy, spec);
  if (spec.train.encoding.name != "fp32")
    train.fault("encoding", "masked numbers have " + named + ".bits; use encoding: fp32");
  const auto rule =
      std::ranges::find(aggregation_rules(), spec.aggregation.rule.name, &PluginSchema::name);
  if (rule->name != "weighted_mean" && (!rule->updates.together || secure.group_size == 0)) {
    root.section("aggregate", Need::kRequired)
        .fault("rule", rule->name + " sees updates of single sites, and " + named +
                           " shows none; use rule: weighted_mean, or a group_size: the rule then "
                           "sees the means of groups");
  }
  if (spec.aggregation.root()) {
    root.section("aggregate", Need::kRequired)
        .fault("rule", "the root's update would be seen beside the sums; use another rule");
  }
  // Ids that few sites have change rows of an embedding that stand out of a sum (arXiv 2508.04285).
  const auto ids = spec.model.options.find("vocabulary");
  const bool embeds = ids != spec.model.options.end() && std::get<std::int64_t>(ids->second) > 0;
  if (embeds && !spec.privacy.records && !spec.privacy.sites) {
    root.section("model", Need::kRequired)
        .fault("family",
               "tells by the rows of its embedding which ids the sites have, in a sum as "
               "well; add privacy.records or privacy.sites, whose noise hides them");
  }
  if (spec.evaluation.best_of_worst) {
    root.section("evaluate", Need::kRequired)
        .fault("best_of",
               "nobody sees the figures of single sites with " + named + "; leave it out");
  }
}

}  // namespace tributary

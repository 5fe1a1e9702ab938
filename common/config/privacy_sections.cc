// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/config/catalog.h"
#include "common/config/job_sections.h"
#include "common/config/secure_sums_section.h"
#include "common/privacy/accounting/dp_event.h"

namespace tributary {
namespace {

using Need = Section::Need;
constexpr NumberRange kPositive{.min = 0.0, .above_min = true};
// Beyond, the arithmetic of noise ends before privacy does.
constexpr NumberRange kClip{.min = 1e-6, .max = 1e6};
constexpr NumberRange kNoise{.min = kNoiseMultiplierMin, .max = kNoiseMultiplierMax};
constexpr IntegerRange kPassRounds{2, 65'536};
constexpr NumberRange kDelta{.min = 0.0, .max = 1.0, .above_min = true, .below_max = true};

std::optional<RecordPrivacy> read_records(Section& privacy) {
  Section from = privacy.section("records", Need::kOptional);
  if (!from.present()) return std::nullopt;
  RecordPrivacy records;
  records.clip = from.number("clip", kClip);
  records.noise_multiplier = from.number("noise_multiplier", kNoise);
  records.delta = from.number("delta", kDelta);
  records.max_epsilon = from.number("max_epsilon", kPositive);
  return records;
}

std::optional<SitePrivacy> read_sites(Section& privacy, const RoundPolicy& rounds) {
  Section from = privacy.section("sites", Need::kOptional);
  if (!from.present()) return std::nullopt;
  SitePrivacy sites;
  sites.mechanism = enumeration<SiteMechanism>(from, "mechanism", {"gaussian", "tree"}, "gaussian");
  if (sites.mechanism == SiteMechanism::kTree) {
    sites.rounds_per_pass =
        static_cast<std::uint32_t>(from.integer("rounds_per_pass", kPassRounds));
  } else if (from.has("rounds_per_pass")) {
    from.integer("rounds_per_pass", kPassRounds, 0);
    from.fault("rounds_per_pass",
               "is of noise of sums over rounds; use mechanism: tree or leave it out");
  }
  sites.clip = from.number("clip", kClip);
  sites.noise_multiplier = from.number("noise_multiplier", kNoise);
  sites.delta = from.number("delta", kDelta);
  sites.max_epsilon = from.number("max_epsilon", kPositive);
  Section adaptive = from.section("adaptive_clip", Need::kOptional);
  if (adaptive.present()) {
    sites.adaptive.emplace();
    sites.adaptive->quantile = adaptive.number("quantile", kDelta, 0.5);
    sites.adaptive->rate =
        adaptive.number("rate", {.min = 0.0, .max = 10.0, .above_min = true}, 0.2);
    sites.adaptive->count_noise =
        adaptive.number("count_noise", {.min = 0.05, .max = 1e5}, rounds.target / 20.0);
    if (2 * sites.adaptive->count_noise <= sites.noise_multiplier) {
      adaptive.fault("count_noise",
                     "must be above half of noise_multiplier, or the count alone costs more than "
                     "the promise; by default it is a twentieth of rounds.target");
    }
  }
  return sites;
}

// What hides sites, in sums or by noise, hides updates of one round, and nothing that stands beside
// them.
void check_hidden_updates(Section& root, const JobSpec& spec, const std::string& named) {
  if (spec.rounds.carries_late()) {
    root.section("rounds", Need::kRequired)
        .fault(spec.rounds.mode == RoundMode::kAsync ? "mode" : "late",
               "lets a site count in a round that it was not asked in, and " + named +
                   " counts each once, in its round; use mode: sync and late: discard");
  }
  const auto algorithm =
      std::ranges::find(client_algorithms(), spec.train.algorithm.name, &PluginSchema::name);
  if (algorithm->algorithm.server) {
    root.section("train", Need::kRequired)
        .fault("algorithm", algorithm->name + " sends more than an update, which " + named +
                                " would not hide; use fedavg or fedprox");
  }
  Section data = root.section("data", Need::kRequired);
  if (spec.data.standardize == Standardize::kFederated) {
    data.fault("standardize",
               "federated takes the sites' means and puts those of all beside the model, which " +
                   named + " cannot hide; use standardize: constants, site or none");
  }
  for (const FeatureColumn& feature : spec.data.features) {
    if (feature.kind == FeatureKind::kCategorical && feature.vocabulary.empty()) {
      data.fault("features", quoted(feature.name) + " has words that sites tell, which " + named +
                                 " cannot hide; write them as its values");
    }
  }
}

// Noise of sums over rounds: it is the coordinator's, and the same noise in more than one round.
void check_passes(Section& root, Section& privacy, const JobSpec& spec) {
  const SitePrivacy& sites = *spec.privacy.sites;
  if (sites.mechanism != SiteMechanism::kTree) return;
  Section from = privacy.section("sites", Need::kRequired);
  if (sites.adaptive) {
    from.fault("adaptive_clip",
               "changes the size of the noise from round to round, and that of mechanism: tree is "
               "taken off again in later ones; use mechanism: gaussian or leave it out");
  }
  if (spec.privacy.secure_aggregation) {
    from.fault("mechanism",
               "tree is noise of the coordinator over rounds, and in a secure sum each site adds a "
               "part of the noise of one; use mechanism: gaussian or leave secure_aggregation out");
  }
  const std::uint64_t quorum = spec.rounds.quorum > 0 ? spec.rounds.quorum : spec.rounds.target;
  const std::uint64_t needed = quorum * std::min(sites.rounds_per_pass, spec.rounds.rounds);
  if (!spec.rounds.sites.empty() && spec.rounds.sites.size() < needed) {
    root.section("rounds", Need::kRequired)
        .fault("sites", "names " + std::to_string(spec.rounds.sites.size()) +
                            ", and a pass of privacy.sites takes " + std::to_string(needed) +
                            " sites, each of which counts once in it; name more, or use a smaller "
                            "rounds_per_pass or quorum");
  }
}

// Each site once in each sum, with a weight of 1, and a divisor that nobody's coming changes.
void check_sites(Section& root, Section& privacy, const JobSpec& spec) {
  Section rounds = root.section("rounds", Need::kRequired);
  const std::string named = "privacy.sites";
  check_passes(root, privacy, spec);
  if (spec.rounds.target == 0) {
    rounds.fault("target", named +
                               " divides each sum by it, however many come: write how many updates "
                               "a round is to have");
  }
  if (spec.aggregation.rule.name != "weighted_mean") {
    root.section("aggregate", Need::kRequired)
        .fault("rule", spec.aggregation.rule.name + " gives no sum of updates, and " + named +
                           " puts its noise on one; use rule: weighted_mean");
  }
  if (spec.privacy.secure_aggregation && spec.privacy.secure_aggregation->group_size > 0) {
    privacy.section("secure_aggregation", Need::kRequired)
        .fault("group_size", "gives each group's sum noise of its own, and " + named +
                                 " counts one sum of all; leave it out");
  }
}

// What of the rows would leave without noise, or outside of what the clip bounds.
void check_data_of_records(Section& root, const DataSpec& spec) {
  if (spec.features.empty()) return;
  Section data = root.section("data", Need::kRequired);
  const bool constants = spec.standardize == Standardize::kConstants;
  if (!constants && spec.standardize != Standardize::kNone) {
    data.fault("standardize",
               "tells means and deviations of the rows, and privacy.records lets nothing of them "
               "leave without noise; write standardize: none, or constants with a mean and a "
               "deviation for each column");
  }
  if (!constants && spec.missing == MissingValues::kMean) {
    data.fault("missing",
               "the mean would be that of the site's rows, on which each of them then "
               "depends; with privacy.records write missing: drop_row, or "
               "standardize: constants");
  }
  for (const FeatureColumn& column : spec.features) {
    if (column.kind != FeatureKind::kCategorical || !column.vocabulary.empty()) continue;
    data.fault("features", "the words of " + quoted(column.name) +
                               " would be gathered from the rows; with privacy.records write them "
                               "down: values: [...]");
  }
}

void check_records(Section& root, const JobSpec& spec) {
  Section train = root.section("train", Need::kRequired);
  const std::string& algorithm = spec.train.algorithm.name;
  if (algorithm != "fedavg" && algorithm != "fedprox") {
    train.fault("algorithm", algorithm +
                                 " sends more than what privacy.records adds noise to; write "
                                 "algorithm: fedavg or fedprox");
  }
  if (spec.train.personal) {
    train.fault("personal",
                "trains on the rows once more, which privacy.records does not count; "
                "leave it out");
  }
  check_data_of_records(root, spec.data);
}

}  // namespace

PrivacySpec read_privacy(Section& root, const RoundPolicy& rounds) {
  Section from = root.section("privacy", Need::kOptional);
  PrivacySpec privacy;
  if (!from.present()) return privacy;
  privacy.sites = read_sites(from, rounds);
  privacy.secure_aggregation = read_secure_aggregation(from, privacy.sites);
  privacy.records = read_records(from);
  return privacy;
}

void check_privacy(Section& root, const JobSpec& spec) {
  const PrivacySpec& privacy = spec.privacy;
  if (privacy == PrivacySpec{}) return;
  Section from = root.section("privacy", Need::kRequired);
  if (privacy.secure_aggregation || privacy.sites) {
    check_hidden_updates(
        root, spec, privacy.secure_aggregation ? "privacy.secure_aggregation" : "privacy.sites");
  }
  if (privacy.secure_aggregation) check_secure_aggregation(root, from, spec);
  if (privacy.records) check_records(root, spec);
  if (privacy.sites) check_sites(root, from, spec);
}

}  // namespace tributary

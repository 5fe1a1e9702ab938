// SPDX-License-Identifier: Apache-2.0
#include "common/base/limits.h"
#include "common/config/job_sections.h"

namespace tributary {
namespace {

using Need = Section::Need;
constexpr NumberRange kPositive{.min = 0.0, .above_min = true};
constexpr NumberRange kShare{.min = 0.0, .max = 1.0, .below_max = true};
constexpr NumberRange kDelta{.min = 0.0, .max = 1.0, .above_min = true, .below_max = true};

std::optional<RecordPrivacy> read_records(Section& privacy) {
  Section from = privacy.section("records", Need::kOptional);
  if (!from.present()) return std::nullopt;
  RecordPrivacy records;
  records.clip = from.number("clip", kPositive);
  records.noise_multiplier = from.number("noise_multiplier", kPositive);
  records.delta = from.number("delta", kDelta);
  records.max_epsilon = from.number("max_epsilon", kPositive);
  return records;
}

std::optional<SitePrivacy> read_sites(Section& privacy) {
  Section from = privacy.section("sites", Need::kOptional);
  if (!from.present()) return std::nullopt;
  SitePrivacy sites;
  sites.mechanism = enumeration<SiteMechanism>(from, "mechanism", {"gaussian", "tree"}, "gaussian");
  sites.clip = from.number("clip", kPositive);
  sites.noise_multiplier = from.number("noise_multiplier", kPositive);
  sites.delta = from.number("delta", kDelta);
  sites.max_epsilon = from.number("max_epsilon", kPositive);
  Section adaptive = from.section("adaptive_clip", Need::kOptional);
  if (adaptive.present()) {
    sites.adaptive.emplace();
    sites.adaptive->quantile = adaptive.number("quantile", kDelta, 0.5);
    sites.adaptive->rate = adaptive.number("rate", kPositive, 0.2);
    sites.adaptive->count_noise = adaptive.number("count_noise", {.min = 0.0}, 0.0);
  }
  return sites;
}

std::optional<SecureAggregation> read_secure_aggregation(Section& privacy) {
  Section from = privacy.section("secure_aggregation", Need::kOptional);
  if (!from.present()) return std::nullopt;
  SecureAggregation secure;
  const std::string bits = from.choice("bits", {"16", "20", "24", "32"}, "32");
  secure.bits = static_cast<std::uint32_t>(std::stoul(bits));
  secure.clip = from.number("clip", kPositive);
  secure.adversarial = from.number("adversarial", kShare, secure.adversarial);
  secure.dropout = from.number("dropout", kShare, secure.dropout);
  secure.group_size = static_cast<std::uint32_t>(
      from.integer("group_size", {0, static_cast<std::int64_t>(limits::kSitesMax)}, 0));
  secure.step_ms =
      from.duration_ms("step", {limits::kWaitMinMs, limits::kWaitMaxMs}, secure.step_ms);
  return secure;
}

}  // namespace

PrivacySpec read_privacy(Section& root) {
  Section from = root.section("privacy", Need::kOptional);
  PrivacySpec privacy;
  if (!from.present()) return privacy;
  privacy.secure_aggregation = read_secure_aggregation(from);
  privacy.records = read_records(from);
  privacy.sites = read_sites(from);
  return privacy;
}

void check_privacy(Section& root, const JobSpec& spec) {
  const PrivacySpec& privacy = spec.privacy;
  if (privacy == PrivacySpec{}) return;
  Section from = root.section("privacy", Need::kRequired);
  if (privacy.secure_aggregation) from.fault("secure_aggregation", "is not in this version");
  if (privacy.records) from.fault("records", "is not in this version");
  if (privacy.sites) from.fault("sites", "is not in this version");
}

}  // namespace tributary

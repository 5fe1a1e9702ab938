// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/pass.h"

#include <algorithm>
#include <optional>

namespace tributary {
namespace {

const std::string kNamed = "privacy.sites.rounds_per_pass ";

// The last round before the open pass.
RoundNumber before_pass(const JobRecord& record, std::uint32_t rounds_per_pass) {
  return record.round / rounds_per_pass * rounds_per_pass;
}

}  // namespace

std::uint32_t rounds_per_pass_of(const JobSpec& spec) {
  const std::optional<SitePrivacy>& sites = spec.privacy.sites;
  return sites ? sites->rounds_per_pass : 0;
}

bool counted_in_pass(const JobRecord& record, const JobSpec& spec, const SiteName& site) {
  const std::uint32_t rounds_per_pass = rounds_per_pass_of(spec);
  if (rounds_per_pass == 0) return false;
  const auto history = record.history.find(site);
  return history != record.history.end() &&
         history->second.counted > before_pass(record, rounds_per_pass);
}

std::string why_not_in_pass(const JobRecord& record, const JobSpec& spec) {
  const std::uint32_t rounds_per_pass = rounds_per_pass_of(spec);
  if (rounds_per_pass == 0) return "";
  const auto counted = std::ranges::count_if(record.history, [&](const auto& entry) {
    return counted_in_pass(record, spec, entry.first);
  });
  if (counted == 0) return "";
  return std::to_string(counted) + " counted in this pass of " + kNamed +
         std::to_string(rounds_per_pass) + " already, and are asked again from round " +
         std::to_string(before_pass(record, rounds_per_pass) + rounds_per_pass + 1) +
         " on: it takes others, or a smaller rounds.quorum";
}

std::uint64_t sites_of_pass(const JobSpec& spec, std::uint32_t each) {
  return std::uint64_t{std::min(rounds_per_pass_of(spec), spec.rounds.rounds)} * each;
}

std::string why_pass_is_too_long(const JobSpec& spec, std::uint64_t there, std::uint64_t away,
                                 std::uint32_t quorum) {
  const std::uint64_t needed = sites_of_pass(spec, quorum);
  if (there + away >= needed) return "";  // also where there are no passes
  const std::uint64_t fits = (there + away) / quorum;
  return "a pass of " + kNamed + std::to_string(rounds_per_pass_of(spec)) + " takes " +
         std::to_string(needed) + " sites, " + std::to_string(quorum) +
         " in each round and each of them once: " + std::to_string(there) + " can train" +
         (away > 0 ? " and " + std::to_string(away) + " more are known" : "") +
         (fits >= 2 ? ", enough for rounds_per_pass: " + std::to_string(fits)
                    : ", too few for noise over rounds; use mechanism: gaussian");
}

void report_short_pass(const JobRecord& record, const JobSpec& spec, std::uint64_t there,
                       RoundEffects& out) {
  const std::uint64_t needed = sites_of_pass(spec, spec.rounds.target);
  if (there >= needed) return;
  out.push_back(Report{"pass.short",
                       {{"job", record.id.value},
                        {"sites", static_cast<std::int64_t>(there)},
                        {"need", static_cast<std::int64_t>(needed)},
                        {"rounds_per_pass", std::int64_t{rounds_per_pass_of(spec)}}}});
}

}  // namespace tributary

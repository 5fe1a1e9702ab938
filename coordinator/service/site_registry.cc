// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/site_registry.h"

#include <algorithm>

namespace tributary {
namespace {

// A site that is renewed each 60 days has so many in ten years.
constexpr std::size_t kFingerprintsMax = 64;

bool has(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

Error kept_out(const std::string& why) { return make_error(ErrorCode::kPermissionDenied, why); }

}  // namespace

Result<SiteRegistry> SiteRegistry::open(StateStore& store, EventLog& log) {
  SiteRegistry registry(store, log);
  TRIB_TRY(standings, store.standings());
  for (SiteStanding& standing : standings) {
    const SiteName site = standing.site;
    registry.standings_[site] = std::move(standing);
  }
  return registry;
}

Status SiteRegistry::save(const SiteName& site, SiteStanding standing,
                          const std::optional<Report>& decision) {
  standing.site = site;
  TRIB_CHECK_OK(store_->save_standing(
      standing, decision ? RoundEffects{RoundEffect(*decision)} : RoundEffects{}));
  standings_[site] = std::move(standing);
  if (decision) log_->relay(decision->event, decision->fields);
  return {};
}

Status SiteRegistry::permits(const SiteName& site, const std::string& fingerprint) const {
  const auto known = standings_.find(site);
  if (known == standings_.end()) return {};
  const SiteStanding& standing = known->second;
  if (!standing.kept_out.empty())
    return kept_out("site '" + site.value + "' was " + standing.kept_out + " by operator " +
                    standing.by + (standing.why.empty() ? "" : ": " + standing.why));
  if (has(standing.revoked, fingerprint))
    return kept_out("this certificate of site '" + site.value +
                    "' was revoked by an operator; it needs a new one");
  return {};
}

Status SiteRegistry::admit(const SiteName& site, const std::string& fingerprint) {
  TRIB_CHECK_OK(permits(site, fingerprint));
  SiteStanding standing = standings_[site];
  if (has(standing.seen, fingerprint)) return {};
  standing.seen.push_back(fingerprint);
  if (standing.seen.size() > kFingerprintsMax) standing.seen.erase(standing.seen.begin());
  return save(site, std::move(standing), {});
}

Result<SiteControlled> SiteRegistry::control(const ControlSite& request, const std::string& who) {
  const std::string& site = request.site.value;
  SiteStanding standing = standings_[request.site];
  if (request.action == SiteAction::kEnable) {
    if (standing.kept_out.empty())
      return make_error(ErrorCode::kFailedPrecondition, "site '" + site + "' is not kept out");
    standing.kept_out = standing.why = standing.by = "";
    TRIB_CHECK_OK(save(request.site, std::move(standing),
                       Report{"site.enabled", {{"site", site}, {"operator", who}}}));
    if (allow_) allow_(request.site);
    return SiteControlled{request.site, 0, false};
  }
  const bool revoke = request.action == SiteAction::kRevoke;
  std::uint32_t certificates = 0;
  if (revoke) {
    certificates = static_cast<std::uint32_t>(standing.seen.size());
    standing.revoked.insert(standing.revoked.end(), standing.seen.begin(), standing.seen.end());
    standing.seen.clear();
  }
  // Whoever disables what was revoked does not make it milder.
  if (revoke || standing.kept_out.empty()) standing.kept_out = revoke ? "revoked" : "disabled";
  standing.why = request.why;
  standing.by = who;
  Report decision{revoke ? "site.revoked" : "site.disabled",
                  {{"site", site}, {"operator", who}, {"reason", request.why}}};
  if (revoke) decision.fields.emplace_back("certificates", std::int64_t{certificates});
  TRIB_CHECK_OK(save(request.site, std::move(standing), decision));
  const std::string why = standings_[request.site].kept_out + " by operator " + who +
                          (request.why.empty() ? "" : ": " + request.why);
  const bool was_on_link = drop_ && drop_(request.site, kept_out(why));
  return SiteControlled{request.site, certificates, was_on_link};
}

void SiteRegistry::describe(std::vector<SiteRow>& rows) const {
  for (const auto& [site, standing] : standings_) {
    if (standing.kept_out.empty()) continue;
    auto row = std::ranges::find(rows, site, &SiteRow::site);
    if (row == rows.end()) {
      row = rows.insert(rows.end(), SiteRow{});
      row->site = site;
    }
    row->kept_out = standing.kept_out;
    row->why = "by " + standing.by + (standing.why.empty() ? "" : ": " + standing.why);
  }
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_session.h"

#include <algorithm>
#include <set>

namespace tributary {
namespace {

std::optional<SumAborted> repeats(const std::vector<SumMember>& roster) {
  std::set<SumPublicKey> keys;
  for (std::size_t i = 0; i < roster.size(); ++i) {
    const std::string& name = roster[i].site.value;
    if (i > 0 && !(roster[i - 1].site < roster[i].site))
      return SumAborted{SumAbortReason::kRosterRepeats, "'" + name + "' is twice in it, or late"};
    if (!keys.insert(roster[i].share_key).second || !keys.insert(roster[i].mask_key).second)
      return SumAborted{SumAbortReason::kRosterRepeats, "'" + name + "' has a key of another"};
  }
  return std::nullopt;
}

}  // namespace

std::variant<SumSession, SumAborted> SumSession::make(const SumContext& context,
                                                      std::vector<SumMember> roster,
                                                      std::size_t least) {
  if (roster.size() < least) {
    return SumAborted{SumAbortReason::kRosterTooSmall, std::to_string(roster.size()) +
                                                           " sites, and at least " +
                                                           std::to_string(least) + " are wanted"};
  }
  if (auto fault = repeats(roster)) return *std::move(fault);
  const auto plan = plan_sharing(static_cast<std::uint32_t>(roster.size()), context.risks);
  if (!plan) return SumAborted{SumAbortReason::kRosterTooRisky, plan.error().message};
  return SumSession(context, std::move(roster), least, *plan);
}

SumSession::SumSession(const SumContext& context, std::vector<SumMember> roster, std::size_t least,
                       const SharingPlan& plan)
    : context_(context),
      roster_(std::move(roster)),
      least_(least),
      about_(digest_of(context_)),
      roster_digest_(roster_digest(roster_)),
      id_(session_id(about_, roster_digest_)),
      graph_(roster_.size(), plan, roster_digest_) {}

std::optional<std::size_t> SumSession::find(const SiteName& site) const {
  const auto found = std::ranges::lower_bound(roster_, site, {}, &SumMember::site);
  if (found == roster_.end() || found->site != site) return std::nullopt;
  return static_cast<std::size_t>(found - roster_.begin());
}

std::vector<SiteName> SumSession::names(const MemberSet& set) const {
  std::vector<SiteName> names;
  for (const std::size_t member : set.list()) names.push_back(roster_[member].site);
  return names;
}

std::size_t SumSession::adversaries() const {
  return adversaries_of(static_cast<std::uint32_t>(members()), context_.risks);
}

std::size_t SumSession::quorum() const { return (members() + adversaries()) / 2 + 1; }

std::optional<SumAborted> SumSession::fault_of(const MemberSet& sharing,
                                               const MemberSet& survivors) const {
  if (!sharing.includes(survivors))
    return SumAborted{SumAbortReason::kSurvivorsNotSharing, "a survivor shared no secrets"};
  return graph_.fault_of(survivors, context_.risks, least_);
}

}  // namespace tributary

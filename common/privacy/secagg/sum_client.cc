// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_client.h"

#include <algorithm>

#include "common/base/assert.h"
#include "common/base/limits.h"
#include "common/privacy/secagg/sealed_shares.h"

namespace tributary {

struct SumClient::Handler {
  SumClient& client;
  SumStep operator()(const SumRoster& m) { return client.on_roster(m); }
  SumStep operator()(const SumSharesPassed& m) { return client.on_shares(m); }
  SumStep operator()(const SumSurvivors& m) { return client.on_survivors(m); }
  SumStep operator()(const SumAgreements& m) { return client.on_agreements(m); }
};

Result<SumClient> SumClient::make(const SumContext& context, SiteName self, Rules rules,
                                  const SumNotary& notary, RandomSource& random) {
  SumClient client(context, std::move(self), std::move(rules), notary, random);
  client.share_secret_ = SecretKey::make();
  client.mask_secret_ = SecretKey::make();
  client.own_secret_ = SecretKey::make();
  SumMember& member = client.keys_.member;
  member.site = client.self_name_;
  member.certificate = notary.papers().certificate;
  member.share_key = agreement_public_key(*client.share_secret_);
  member.mask_key = agreement_public_key(*client.mask_secret_);
  member.about = digest_of(context);
  TRIB_TRY(signature, notary.sign(kSumKeysPurpose, keys_statement(member.about, member)));
  member.signature = std::move(signature);
  client.keys_.issuers = notary.papers().issuers;
  return client;
}

SumStep SumClient::handle(const SumRequestBody& message) {
  if (aborted_) return again();
  return std::visit(Handler{*this}, message);
}

SumStep SumClient::answer(Step next, SumAnswerBody body) {
  step_ = next;
  last_ = std::move(body);
  return again();
}

SumStep SumClient::abort(SumAbortReason reason, std::string detail) {
  aborted_ = SumAborted{reason, detail};
  last_ = SumAbort{std::string(abort_name(reason)), std::move(detail)};
  wipe();
  return again();
}

void SumClient::wipe() {
  share_secret_.reset();
  mask_secret_.reset();
  own_secret_.reset();
  sealed_.clear();
}

// --- the roster ---

SumStep SumClient::on_roster(const SumRoster& message) {
  const std::size_t first = message.first, end = first + message.part.size();
  if (message.part.empty() || end > message.members || message.members > limits::kSitesMax)
    return abort(SumAbortReason::kMalformed, "a part of a roster that has no place in it");
  if (session_) {
    const std::vector<SumMember>& known = session_->roster();
    const bool same = message.members == known.size() &&
                      std::equal(message.part.begin(), message.part.end(),
                                 known.begin() + static_cast<std::ptrdiff_t>(first));
    if (!same) return abort(SumAbortReason::kTwoRosters, "another roster than before");
    return step_ == Step::kShared && end == message.members ? again() : SumStep{};
  }
  if (first == 0) arriving_.clear();
  if (first != arriving_.size())
    return abort(SumAbortReason::kOutOfOrder, "a part of the roster is missing");
  arriving_.insert(arriving_.end(), message.part.begin(), message.part.end());
  issuers_ = message.issuers;
  return end == message.members ? take_roster() : SumStep{};
}

SumStep SumClient::take_roster() {
  auto made = SumSession::make(context_, std::move(arriving_), rules_.least);
  if (const auto* fault = std::get_if<SumAborted>(&made)) return abort(*fault);
  session_ = std::get<SumSession>(std::move(made));
  const auto self = session_->find(self_name_);
  if (!self || session_->roster()[*self] != keys_.member) {
    return abort(SumAbortReason::kRosterNotMine,
                 self ? "this site's keys are not those that it sent" : "this site is not in it");
  }
  self_ = *self;
  if (const auto fault = fault_of_members()) return abort(*fault);
  auto shares = share_secrets();
  if (!shares) return abort(SumAbortReason::kRosterUnsigned, shares.error().message);
  return answer(Step::kShared, *std::move(shares));
}

std::optional<SumAborted> SumClient::fault_of_members() const {
  for (const SumMember& member : session_->roster()) {
    if (member.site == self_name_) continue;
    // A key of low order would make secrets that anybody knows.
    if (!pair_secret(*share_secret_, member.share_key) ||
        !pair_secret(*mask_secret_, member.mask_key)) {
      return SumAborted{SumAbortReason::kRosterUnsigned,
                        "'" + member.site.value + "' has a key that is none"};
    }
    if (member.about != session_->about()) {
      return SumAborted{SumAbortReason::kRosterOtherSum,
                        "'" + member.site.value +
                            "' takes part in a sum on another model, plan, round or attempt"};
    }
    const Status signed_by_it =
        notary_->verify(member.site, {member.certificate, issuers_}, kSumKeysPurpose,
                        keys_statement(member.about, member), member.signature);
    if (signed_by_it) continue;
    return SumAborted{SumAbortReason::kRosterUnsigned,
                      "'" + member.site.value + "': " + signed_by_it.error().message};
  }
  return std::nullopt;
}

// For each neighbour one of the mask key's secret and one of the own mask's.
Result<SumShares> SumClient::share_secrets() {
  const std::vector<std::size_t> neighbours = session_->graph().neighbours(self_);
  const std::size_t threshold = session_->threshold();
  TRIB_TRY(of_mask_key, share_secret(*mask_secret_, threshold, neighbours.size(), *random_));
  TRIB_TRY(of_own_mask, share_secret(*own_secret_, threshold, neighbours.size(), *random_));
  SumShares shares;
  shares.commitment = own_secret_commitment(session_->id(), self_, *own_secret_);
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    const std::size_t to = neighbours[i];
    TRIB_TRY(pair, pair_secret(*share_secret_, session_->roster()[to].share_key));
    const SecretKey key = share_key(pair, session_->id(), self_, to);
    shares.shares.push_back({static_cast<std::uint32_t>(to),
                             seal_shares(key, of_mask_key[i], of_own_mask[i],
                                         share_associated_data(session_->id(), self_, to))});
  }
  return shares;
}

// --- the shares ---

SumStep SumClient::on_shares(const SumSharesPassed& message) {
  if (step_ < Step::kShared) return abort(SumAbortReason::kOutOfOrder, "shares before the roster");
  const auto sharing = MemberSet::from_bitmap(message.sharing, session_->members());
  if (!sharing) return abort(SumAbortReason::kMalformed, sharing.error().message);
  if (step_ != Step::kShared) {
    if (*sharing != *sharing_)
      return abort(SumAbortReason::kTwoShareSets, "other members shared than before");
    return step_ == Step::kMasked ? again() : SumStep{};
  }
  if (const auto fault = take_shares(message, *sharing)) return abort(*fault);
  sharing_ = *sharing;
  step_ = Step::kMasking;
  return {{}, true, past()};
}

std::optional<SumAborted> SumClient::take_shares(const SumSharesPassed& message,
                                                 const MemberSet& sharing) {
  const std::vector<std::size_t> due = session_->graph().neighbours(self_, sharing);
  if (!sharing.has(self_) || due.size() < session_->threshold()) {
    return SumAborted{SumAbortReason::kSharesTooFew,
                      std::to_string(due.size()) + " neighbours shared their secrets, and " +
                          std::to_string(session_->threshold()) + " have to"};
  }
  for (const SealedShares& one : message.shares) sealed_[one.peer] = one.bytes;
  for (const std::size_t from : due) {
    if (!open_shares(from)) {
      return SumAborted{SumAbortReason::kShareUnreadable,
                        "that of '" + session_->roster()[from].site.value + "'"};
    }
  }
  return std::nullopt;
}

Result<std::pair<Share, Share>> SumClient::open_shares(std::size_t from) const {
  const auto found = sealed_.find(from);
  if (found == sealed_.end()) return make_error(ErrorCode::kNotFound, "no shares of it");
  TRIB_TRY(pair, pair_secret(*share_secret_, session_->roster()[from].share_key));
  const std::vector<std::size_t> its = session_->graph().neighbours(from);
  const auto place = std::ranges::lower_bound(its, self_) - its.begin();
  return unseal_shares(share_key(pair, session_->id(), from, self_), found->second,
                       static_cast<std::uint64_t>(place) + 1,
                       share_associated_data(session_->id(), from, self_));
}

std::vector<Mask> SumClient::masks(SumPart part) const {
  TRIB_ASSERT(step_ == Step::kMasking && !aborted_, "masks are for an input that is due");
  std::vector<Mask> masks = {{own_mask_key(*own_secret_, session_->id(), part), true}};
  for (const std::size_t peer : session_->graph().neighbours(self_, *sharing_)) {
    const auto pair = pair_secret(*mask_secret_, session_->roster()[peer].mask_key);
    TRIB_ASSERT(pair, "a key that fitted before");
    masks.push_back(
        {pair_mask_key(*pair, session_->id(), part, std::min(self_, peer), std::max(self_, peer)),
         self_ < peer});
  }
  return masks;
}

SumStep SumClient::give_input(const BlobRef& input) {
  if (aborted_ || step_ != Step::kMasking) return {};
  return answer(Step::kMasked, SumInput{input});
}

PastSum SumClient::past() const {
  PastSum sum{context_.key,
              context_.model,
              session_->names(*sharing_),
              session_->adversaries(),
              session_->quorum(),
              {}};
  if (survivors_) sum.survivors = session_->names(*survivors_);
  return sum;
}

// --- the survivors ---

SumStep SumClient::on_survivors(const SumSurvivors& message) {
  if (step_ < Step::kMasked)
    return abort(SumAbortReason::kOutOfOrder, "survivors before this site's input");
  const auto sharing = MemberSet::from_bitmap(message.sharing, session_->members());
  const auto survivors = MemberSet::from_bitmap(message.survivors, session_->members());
  if (!sharing || !survivors)
    return abort(SumAbortReason::kMalformed, "these are not the bits of the roster");
  if (survivors_) {
    if (*survivors != *survivors_ || *sharing != *sharing_)
      return abort(SumAbortReason::kTwoSurvivorSets, "this site has signed another one");
    return step_ == Step::kAgreed ? again() : SumStep{};
  }
  if (*sharing != *sharing_)
    return abort(SumAbortReason::kSurvivorsNotSharing, "other members shared than before");
  if (!survivors->has(self_))
    return abort(SumAbortReason::kSurvivorsWithoutMe, "this site's input is left out");
  if (const auto fault = session_->fault_of(*sharing, *survivors)) return abort(*fault);
  survivors_ = *survivors;
  // As it is now: another job's sum on the same model may have ended since this one began.
  const Result<std::vector<PastSum>> before =
      rules_.past ? rules_.past() : Result<std::vector<PastSum>>(std::vector<PastSum>{});
  if (!before) return abort(SumAbortReason::kModelAgain, before.error().message);
  if (const auto fault = fault_of_rerun(*before, past(), rules_.least)) return abort(*fault);
  const auto signature = notary_->sign(kSumSurvivorsPurpose,
                                       survivors_statement(session_->id(), *sharing, *survivors));
  if (!signature) return abort(SumAbortReason::kOutOfOrder, signature.error().message);
  SumStep step = answer(Step::kAgreed, SumAgreement{*signature});
  step.remember = past();
  return step;
}

// --- the agreements ---

SumStep SumClient::on_agreements(const SumAgreements& message) {
  if (step_ == Step::kRevealed) return again();
  if (step_ != Step::kAgreed)
    return abort(SumAbortReason::kOutOfOrder, "agreements before this site's own");
  const Bytes statement = survivors_statement(session_->id(), *sharing_, *survivors_);
  MemberSet agreed(session_->members());
  for (const SumAgreements::One& one : message.signatures) {
    if (one.member >= session_->members() || !survivors_->has(one.member) ||
        agreed.has(one.member)) {
      return abort(SumAbortReason::kAgreementForged, "of somebody who is no survivor, or twice");
    }
    const SumMember& member = session_->roster()[one.member];
    const Status signed_by_it = notary_->verify(member.site, {member.certificate, issuers_},
                                                kSumSurvivorsPurpose, statement, one.signature);
    if (!signed_by_it) {
      return abort(SumAbortReason::kAgreementForged,
                   "that of '" + member.site.value + "': " + signed_by_it.error().message);
    }
    agreed.add(one.member);
  }
  if (agreed.count() < session_->quorum()) {
    return abort(SumAbortReason::kAgreementsTooFew, std::to_string(agreed.count()) + ", and " +
                                                        std::to_string(session_->quorum()) +
                                                        " are the quorum");
  }
  auto shares = reveal();
  if (!shares) return abort(SumAbortReason::kShareUnreadable, shares.error().message);
  wipe();
  return answer(Step::kRevealed, *std::move(shares));
}

// Of each neighbour one of the two, never both: the mask of its own of who survives, the key of the
// pair masks of who does not.
Result<SumReveal> SumClient::reveal() const {
  SumReveal reveal;
  for (const std::size_t of : session_->graph().neighbours(self_, *sharing_)) {
    TRIB_TRY(shares, open_shares(of));
    const bool of_mask_key = !survivors_->has(of);
    reveal.shares.push_back({static_cast<std::uint32_t>(of), of_mask_key,
                             of_mask_key ? shares.first.values : shares.second.values});
  }
  return reveal;
}

}  // namespace tributary

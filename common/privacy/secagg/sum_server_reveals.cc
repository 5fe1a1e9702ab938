// SPDX-License-Identifier: Apache-2.0
// SumServer from the survivors' agreements on: the shares that take the masks off.
#include <algorithm>
#include <utility>

#include "common/privacy/secagg/field.h"
#include "common/privacy/secagg/sum_server.h"

namespace tributary {

std::vector<SiteName> SumServer::survivors() const {
  return survivors_ ? session_->names(*survivors_) : std::vector<SiteName>{};
}

// --- what is kept ---

void SumServer::keep() {
  busy_ = Busy::kKeeping;
  out_.push_back(SumKeep{snapshot()});
}

SumSnapshot SumServer::snapshot() const {
  SumSnapshot kept{session_->roster(),     issuers_, sharing_->bitmap(),
                   survivors_->bitmap(),   {},       {},
                   agreements().signatures};
  for (const std::size_t member : sharing_->list())
    kept.commitments[member] = shares_.at(member).commitment;
  for (const std::size_t member : survivors_->list())
    kept.inputs[member] = inputs_.at(member).digest;
  return kept;
}

// Each survivor signs once, and those who agreed tell their shares: whatever happens to this
// process from here on, the sum is of the same sites.
SumEffects SumServer::kept(TimePoint now) {
  if (over() || busy_ != Busy::kKeeping) return {};
  busy_ = Busy::kNo;
  deadline_ = now + options_.step;
  for (const std::size_t member : survivors_->list()) {
    if (!present_->has(member)) continue;
    if (phase_ == Phase::kReveals && !agreed_.contains(member)) continue;
    waiting_->add(member);
    tell_again(member);
  }
  advance(now);
  return take();
}

Result<std::unique_ptr<SumServer>> SumServer::resume(SumContext context, const SumSnapshot& kept,
                                                     Options options, const SumNotary& notary,
                                                     TimePoint now) {
  auto server = std::make_unique<SumServer>(std::move(context), std::vector<SiteName>{}, options,
                                            notary, now);
  TRIB_CHECK_OK(server->restore(kept));
  return server;
}

Status SumServer::restore(const SumSnapshot& kept) {
  const auto damaged = [](const std::string& what) {
    return make_error(ErrorCode::kDataLoss, what);
  };
  auto made = SumSession::make(context_, kept.roster, options_.least);
  if (const auto* fault = std::get_if<SumAborted>(&made)) return damaged(fault->detail);
  session_ = std::get<SumSession>(std::move(made));
  for (const SumMember& member : session_->roster()) {
    if (member.about != session_->about()) return damaged("its members are of another sum");
  }
  TRIB_TRY(sharing, MemberSet::from_bitmap(kept.sharing, session_->members()));
  TRIB_TRY(survivors, MemberSet::from_bitmap(kept.survivors, session_->members()));
  if (const auto fault = session_->fault_of(sharing, survivors)) return damaged(fault->detail);
  for (const std::size_t member : sharing.list()) {
    const auto found = kept.commitments.find(member);
    if (found == kept.commitments.end()) return damaged("a commitment is missing");
    shares_[member].commitment = found->second;
  }
  for (const std::size_t member : survivors.list()) {
    const auto found = kept.inputs.find(member);
    if (found == kept.inputs.end()) return damaged("an input is missing");
    inputs_[member] = {found->second, options_.input_bytes};
  }
  issuers_ = kept.issuers;
  resumed_ = true;
  sharing_ = present_ = sharing;
  survivors_ = summed_ = survivors;
  return restore_agreements(kept.agreements);
}

// Without a quorum nobody was told what others signed: all are asked, and say the same.
Status SumServer::restore_agreements(const std::vector<SumAgreements::One>& agreements) {
  phase_ = Phase::kAgreements;
  waiting_ = *survivors_;
  if (agreements.empty()) return {};
  phase_ = Phase::kReveals;
  waiting_ = MemberSet(session_->members());
  for (const SumAgreements::One& one : agreements) {
    if (one.member >= session_->members() || !survivors_->has(one.member))
      return make_error(ErrorCode::kDataLoss, "somebody agreed who is no survivor");
    agreed_[one.member] = one.signature;
    waiting_->add(one.member);
  }
  if (agreed_.size() >= session_->quorum()) return {};
  return make_error(ErrorCode::kDataLoss, "fewer agreements than a quorum");
}

// --- agreements ---

void SumServer::on_agreement(std::size_t member, const SumAgreement& agreement) {
  if (phase_ == Phase::kReveals && agreed_.at(member) == agreement.signature)
    return tell_again(member);
  if (phase_ != Phase::kAgreements) return;
  const SumMember& one = session_->roster()[member];
  const Status signed_by_it = notary_.verify(
      one.site, {one.certificate, issuers_}, kSumSurvivorsPurpose,
      survivors_statement(session_->id(), *sharing_, *survivors_), agreement.signature);
  if (!signed_by_it) return leave(one.site, "lied", signed_by_it.error().message);
  agreed_[member] = agreement.signature;
  waiting_->remove(member);
}

void SumServer::close_agreements() {
  const std::size_t quorum = session_->quorum();
  if (agreed_.size() < quorum) {
    return fail(SumAborted{
        SumAbortReason::kAgreementsTooFew,
        std::to_string(agreed_.size()) + " of the " + std::to_string(session_->members()) +
            " sites agreed to the sum, and " + std::to_string(quorum) + " have to"});
  }
  phase_ = Phase::kReveals;
  waiting_ = MemberSet(session_->members());
  keep();
}

SumAgreements SumServer::agreements() const {
  SumAgreements message;
  for (const auto& [member, signature] : agreed_)
    message.signatures.push_back({static_cast<std::uint32_t>(member), signature});
  return message;
}

// --- reveals ---

void SumServer::on_reveal(std::size_t member, const SumReveal& reveal) {
  if (phase_ != Phase::kReveals) return;
  std::vector<std::size_t> of;
  bool right = true;
  for (const SumReveal::One& one : reveal.shares) {
    of.push_back(one.member);
    right = right && one.member < session_->members() &&
            one.of_mask_key == !survivors_->has(one.member) &&
            std::ranges::all_of(one.values, [](std::uint64_t v) { return v < field::kPrime; });
  }
  std::ranges::sort(of);
  if (!right || of != session_->graph().neighbours(member, *sharing_)) {
    return leave(session_->roster()[member].site, "lied",
                 "it revealed other shares than those it was asked for");
  }
  for (const SumReveal::One& one : reveal.shares) {
    const std::vector<std::size_t> its = session_->graph().neighbours(one.member);
    const auto place = std::ranges::lower_bound(its, member) - its.begin();
    revealed_[one.member].push_back({static_cast<std::uint64_t>(place) + 1, one.values});
  }
  waiting_->remove(member);
}

void SumServer::close_reveals() {
  for (const std::size_t member : sharing_->list()) {
    const auto found = revealed_.find(member);
    const std::size_t have = found == revealed_.end() ? 0 : found->second.size();
    if (have >= session_->threshold()) continue;
    return fail("shares_too_few", "of '" + session_->roster()[member].site.value + "' " +
                                      std::to_string(have) + " shares came, and " +
                                      std::to_string(session_->threshold()) + " are needed");
  }
  busy_ = Busy::kRecovering;
  out_.push_back(SumRecover{recovery()});
}

SumRecovery SumServer::recovery() const {
  SumRecovery recovery{*session_, *sharing_, *survivors_, {}, revealed_};
  for (const std::size_t member : survivors_->list())
    recovery.commitments[member] = shares_.at(member).commitment;
  return recovery;
}

SumEffects SumServer::recovered(TimePoint, const RecoveredMasks& masks) {
  if (over() || busy_ != Busy::kRecovering) return {};
  busy_ = Busy::kNo;
  for (const RecoveredMasks::Liar& liar : masks.liars) {
    leave(session_->roster()[liar.member].site, "lied",
          "its share of a secret of '" + session_->roster()[liar.about].site.value + "' is wrong");
  }
  if (!masks.fault.empty()) {
    fail("shares_wrong", masks.fault);
  } else {
    phase_ = Phase::kOver;
    out_.push_back(SumUnmask{masks.numbers, masks.wide, session_->names(*survivors_)});
  }
  return take();
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// SumServer from the survivors' agreements on: the shares that take the masks off.
#include <algorithm>

#include "common/privacy/secagg/field.h"
#include "common/privacy/secagg/share_repair.h"
#include "common/privacy/secagg/sum_server.h"

namespace tributary {

// --- agreements ---

void SumServer::on_agreement(std::size_t member, const SumAgreement& agreement) {
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
    return fail(SumAborted{SumAbortReason::kAgreementsTooFew,
                           std::to_string(agreed_.size()) + " survivors agreed, and " +
                               std::to_string(quorum) + " have to"});
  }
  phase_ = Phase::kReveals;
  waiting_ = MemberSet(session_->members());
  for (const auto& [member, signature] : agreed_) {
    if (!present_->has(member)) continue;
    waiting_->add(member);
    out_.push_back(SumSend{session_->roster()[member].site, agreements()});
  }
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
  unmask();
}

void SumServer::unmask() {
  SumUnmask unmask;
  unmask.survivors = session_->names(*survivors_);
  for (const std::size_t member : sharing_->list()) {
    const auto liars = recover(member, unmask.numbers, unmask.wide);
    if (!liars) {
      return fail("shares_wrong",
                  "of '" + session_->roster()[member].site.value + "': " + liars.error().message);
    }
    for (const std::size_t liar : *liars) {
      liars_.insert(liar);
      leave(session_->roster()[liar].site, "lied",
            "its share of a secret of '" + session_->roster()[member].site.value + "' is wrong");
    }
  }
  phase_ = Phase::kOver;
  out_.push_back(std::move(unmask));
}

// What takes one member's part of the masks off: its own mask if its input is in the sum, otherwise
// those that its neighbours had with it. Returns whose shares were wrong.
Result<std::vector<std::size_t>> SumServer::recover(std::size_t member, std::vector<Mask>& numbers,
                                                    std::vector<Mask>& wide) {
  const auto fits = [&](const SecretKey& secret) {
    if (!survivors_->has(member))
      return agreement_public_key(secret) == session_->roster()[member].mask_key;
    return own_secret_commitment(session_->id(), member, secret) == shares_.at(member).commitment;
  };
  // Those who lied before come last: finding errors takes long, and is done once.
  const std::vector<std::size_t> sharers = session_->graph().neighbours(member);
  std::vector<Share> shares = revealed_.at(member);
  std::ranges::stable_partition(shares, [&](const Share& share) {
    return !liars_.contains(sharers[static_cast<std::size_t>(share.point - 1)]);
  });
  TRIB_TRY(recovered, recover_secret(shares, session_->threshold(), fits));
  add_masks(member, recovered.secret, numbers, wide);
  std::vector<std::size_t> liars;
  for (const std::uint64_t point : recovered.wrong)
    liars.push_back(sharers[static_cast<std::size_t>(point - 1)]);
  return liars;
}

void SumServer::add_masks(std::size_t member, const SecretKey& secret, std::vector<Mask>& numbers,
                          std::vector<Mask>& wide) const {
  const Digest& id = session_->id();
  if (survivors_->has(member)) {
    numbers.push_back({own_mask_key(secret, id, SumPart::kNumbers), false});
    wide.push_back({own_mask_key(secret, id, SumPart::kWide), false});
    return;
  }
  for (const std::size_t peer : session_->graph().neighbours(member, *survivors_)) {
    const auto pair = pair_secret(secret, session_->roster()[peer].mask_key);
    if (!pair) continue;  // the peer would have refused it too
    const std::size_t low = std::min(member, peer), high = std::max(member, peer);
    const bool peer_added = peer == low;
    numbers.push_back({pair_mask_key(*pair, id, SumPart::kNumbers, low, high), !peer_added});
    wide.push_back({pair_mask_key(*pair, id, SumPart::kWide, low, high), !peer_added});
  }
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/privacy/secagg/sum_roster.h"
#include "common/privacy/secagg/sum_secrets.h"

namespace tributary {
namespace {

// A chain of three takes 4 KiB with RSA. Everybody is sent everybody's: one site must not fill the
// roster's messages.
constexpr std::size_t kCertificatesMax = 8u << 10;

}  // namespace

struct SumServer::Handler {
  SumServer& server;
  const SiteName& site;

  void operator()(const SumKeys& m) { server.on_keys(site, m); }
  void operator()(const SumAbort& m) { server.leave(site, m.reason, m.detail); }
  void operator()(const SumShares& m) { member(&SumServer::on_shares, m); }
  void operator()(const SumInput& m) { member(&SumServer::on_input, m); }
  void operator()(const SumAgreement& m) { member(&SumServer::on_agreement, m); }
  void operator()(const SumReveal& m) { member(&SumServer::on_reveal, m); }

  // Of those who are still in it, and what is not too late. What nobody waits for was said before:
  // its site still has its secrets.
  template <typename Body>
  void member(void (SumServer::*on)(std::size_t, const Body&), const Body& body) {
    const auto member = server.session_ ? server.session_->find(site) : std::nullopt;
    if (!member) return;
    const bool waited_for = server.waiting_->has(*member);
    if (!waited_for || server.resumed_) server.again_.insert(*member);
    if (waited_for) (server.*on)(*member, body);
  }
};

SumServer::SumServer(SumContext context, std::vector<SiteName> sites, Options options,
                     const SumNotary& notary, TimePoint now)
    : context_(std::move(context)),
      options_(options),
      notary_(notary),
      deadline_(now + options.step) {
  for (SiteName& site : sites) keys_.emplace(std::move(site), std::nullopt);
}

SumEffects SumServer::take() { return std::exchange(out_, {}); }

std::optional<TimePoint> SumServer::next_wake() const {
  if (over() || busy_ != Busy::kNo) return std::nullopt;
  return deadline_;
}

std::string_view SumServer::phase() const {
  constexpr std::array<std::string_view, 6> kNames = {"keys",       "shares",  "inputs",
                                                      "agreements", "reveals", "over"};
  return kNames.at(static_cast<std::size_t>(phase_));
}

SumEffects SumServer::handle(TimePoint now, const SiteName& site, const SumAnswerBody& answer) {
  if (over()) return {};
  std::visit(Handler{*this, site}, answer);
  advance(now);
  return take();
}

SumEffects SumServer::gone(TimePoint now, const SiteName& site, const std::string& why) {
  if (over()) return {};
  leave(site, "gone", why);
  advance(now);
  return take();
}

SumEffects SumServer::pass_time(TimePoint now) {
  if (over() || busy_ != Busy::kNo) return {};
  drop_late(now);
  advance(now);
  return take();
}

// Null: not one of those whose answer this phase waits for.
std::optional<std::size_t> SumServer::waited_for(const SiteName& site) const {
  const auto member = session_ ? session_->find(site) : std::nullopt;
  if (!member || !waiting_->has(*member)) return std::nullopt;
  return member;
}

void SumServer::leave(const SiteName& site, const std::string& reason, const std::string& detail) {
  if (!session_) {
    if (keys_.erase(site) > 0) out_.push_back(SumLeft{site, reason, detail});
    return;
  }
  const auto member = session_->find(site);
  if (!member || !present_->has(*member)) return;
  present_->remove(*member);
  waiting_->remove(*member);
  out_.push_back(SumLeft{site, reason, detail});
}

void SumServer::fail(std::string reason, std::string detail) {
  phase_ = Phase::kOver;
  out_.push_back(SumFailed{std::move(reason), std::move(detail)});
}

// --- waits ---

bool SumServer::all_here() const {
  if (!session_)
    return std::ranges::all_of(keys_, [](const auto& one) { return one.second.has_value(); });
  return waiting_->count() == 0;
}

void SumServer::drop_late(TimePoint now) {
  if (now < deadline_) return;
  const std::string why = "no answer in time, in the phase of " + std::string(phase());
  if (!session_) {
    std::vector<SiteName> late;
    for (const auto& [site, keys] : keys_) {
      if (!keys) late.push_back(site);
    }
    for (const SiteName& site : late) leave(site, "late", why);
    return;
  }
  for (const std::size_t member : waiting_->list())
    leave(session_->roster()[member].site, "late", why);
}

void SumServer::advance(TimePoint now) {
  while (!over() && busy_ == Busy::kNo && all_here()) {
    deadline_ = now + options_.step;
    close_phase();
  }
}

void SumServer::close_phase() {
  switch (phase_) {
    case Phase::kKeys:
      return close_keys();
    case Phase::kShares:
      return close_shares();
    case Phase::kInputs:
      return close_inputs();
    case Phase::kAgreements:
      return close_agreements();
    case Phase::kReveals:
      return close_reveals();
    case Phase::kOver:
      return;
  }
}

// --- keys ---

void SumServer::on_keys(const SiteName& site, const SumKeys& keys) {
  if (session_) return on_keys_again(site, keys);
  const auto expected = keys_.find(site);
  if (expected == keys_.end()) return;
  const SumMember& member = keys.member;
  if (std::max(member.certificate.size(), keys.issuers.size()) > kCertificatesMax)
    return leave(site, "lied", "its certificates take more room than any of a federation");
  const SecretKey any = SecretKey::make();
  if (!pair_secret(any, member.share_key) || !pair_secret(any, member.mask_key) ||
      member.share_key == member.mask_key)
    return leave(site, "lied", "its keys are none");
  if (member.site != site) return leave(site, "lied", "it sent the keys of another site");
  if (member.about != digest_of(context_))
    return leave(site, "lied", "its keys are for another sum");
  const Status signed_by_it =
      notary_.verify(site, {member.certificate, keys.issuers}, kSumKeysPurpose,
                     keys_statement(member.about, member), member.signature);
  if (!signed_by_it) return leave(site, "lied", signed_by_it.error().message);
  expected->second = keys;
}

// On a new link: what it may have missed. With other keys it is another process, and the secrets of
// the one before are gone.
void SumServer::on_keys_again(const SiteName& site, const SumKeys& keys) {
  const auto member = session_->find(site);
  if (!member || !present_->has(*member)) return;
  if (session_->roster()[*member] == keys.member) return tell_again(*member);
  if (again_.erase(*member) > 0) return;  // of another sum, which it has begun beside this one
  leave(site, "gone", "it came back with other keys");
}

void SumServer::close_keys() {
  std::vector<SumMember> roster;
  std::vector<std::string> issuers;
  for (const auto& [site, keys] : keys_) {
    roster.push_back(keys->member);
    issuers.push_back(keys->issuers);
  }
  issuers_ = joined_issuers(issuers);
  auto made = SumSession::make(context_, std::move(roster), options_.least);
  if (const auto* fault = std::get_if<SumAborted>(&made)) return fail(*fault);
  session_ = std::get<SumSession>(std::move(made));
  phase_ = Phase::kShares;
  present_ = waiting_ = MemberSet::all(session_->members());
  for (const SumMember& member : session_->roster()) send_roster(member.site);
}

void SumServer::send_roster(const SiteName& site) {
  for (SumRoster& part : roster_parts(session_->roster(), issuers_))
    out_.push_back(SumSend{site, std::move(part)});
}

// --- shares ---

void SumServer::on_shares(std::size_t member, const SumShares& shares) {
  if (phase_ != Phase::kShares) return;
  std::vector<std::size_t> to;
  for (const SealedShares& one : shares.shares) to.push_back(one.peer);
  std::ranges::sort(to);
  if (to != session_->graph().neighbours(member)) {
    return leave(session_->roster()[member].site, "lied",
                 "its shares are not one for each neighbour");
  }
  shares_[member] = shares;
  waiting_->remove(member);
}

void SumServer::close_shares() {
  sharing_ = MemberSet(session_->members());
  for (const auto& [member, shares] : shares_) {
    if (present_->has(member)) sharing_->add(member);
  }
  if (const auto fault = session_->fault_of(*sharing_, *sharing_)) return fail(*fault);
  phase_ = Phase::kInputs;
  summed_ = MemberSet(session_->members());
  present_ = waiting_ = *sharing_;
  for (const std::size_t member : sharing_->list())
    out_.push_back(SumSend{session_->roster()[member].site, shares_for(member)});
}

SumSharesPassed SumServer::shares_for(std::size_t member) const {
  SumSharesPassed passed{sharing_->bitmap(), {}};
  for (const std::size_t from : session_->graph().neighbours(member, *sharing_)) {
    const std::vector<SealedShares>& its = shares_.at(from).shares;
    const auto found = std::ranges::find(its, member, &SealedShares::peer);
    passed.shares.push_back({static_cast<std::uint32_t>(from), found->bytes});
  }
  return passed;
}

// --- inputs ---

void SumServer::on_input(std::size_t member, const SumInput& input) {
  if (phase_ == Phase::kAgreements && inputs_.at(member).digest == input.masked.digest)
    return tell_again(member);
  if (phase_ != Phase::kInputs) return;
  const SiteName& site = session_->roster()[member].site;
  if (input.masked.bytes != options_.input_bytes) {
    return leave(site, "lied",
                 "its input has " + std::to_string(input.masked.bytes) + " bytes and not " +
                     std::to_string(options_.input_bytes));
  }
  const auto [known, first] = inputs_.try_emplace(member, input.masked);
  if (!first && known->second != input.masked) return leave(site, "lied", "a second input");
  out_.push_back(SumFetch{site, input.masked});
}

SumEffects SumServer::input_arrived(TimePoint now, const SiteName& site, const Digest& input) {
  const auto member = waited_for(site);
  if (!member || phase_ != Phase::kInputs || inputs_[*member].digest != input) return {};
  waiting_->remove(*member);
  summed_->add(*member);
  out_.push_back(SumAdd{site, inputs_.at(*member)});
  advance(now);
  return take();
}

// Who went away after its input was whole is in the sum all the same.
void SumServer::close_inputs() {
  survivors_ = *summed_;
  if (const auto fault = session_->fault_of(*sharing_, *survivors_)) return fail(*fault);
  phase_ = Phase::kAgreements;
  waiting_ = MemberSet(session_->members());
  keep();
}

// --- links ---

void SumServer::tell_again(std::size_t member) {
  if (!waiting_->has(member)) return;
  const SiteName& site = session_->roster()[member].site;
  switch (phase_) {
    case Phase::kShares:
      return send_roster(site);
    case Phase::kInputs:
      return out_.push_back(SumSend{site, shares_for(member)});
    case Phase::kAgreements:
      return out_.push_back(SumSend{site, SumSurvivors{sharing_->bitmap(), survivors_->bitmap()}});
    case Phase::kReveals:
      return out_.push_back(SumSend{site, agreements()});
    case Phase::kKeys:
    case Phase::kOver:
      return;
  }
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/audit_exchange.h"

namespace tributary {
namespace {

Status is_by(const Trust& trust, const SiteName& site, const Countersignature& one) {
  TRIB_TRY(who, verify_countersignature(trust, one));
  if (who.name == site.value) return {};
  return make_error(ErrorCode::kUnauthenticated,
                    "a countersignature by " + who.name + ", not by " + site.value);
}

}  // namespace

void AuditExchange::renew(Trust trust) {
  trust_ = std::make_shared<const Trust>(std::move(trust));
  sign();
}

void AuditExchange::sign() {
  if (ports_.trail.log().size() == 0) return;
  if (const auto head = ports_.trail.sign(); !head) {
    ports_.log.record("storage.failed", {{"path", "audit"}, {"detail", head.error().message}});
    return;
  }
  for (auto& [site, kept] : sites_) offer(site, kept);
}

// A site that is off the link by now says what it keeps when it comes back.
void AuditExchange::offer(const SiteName& site, Kept& kept) {
  const AuditLog& log = ports_.trail.log();
  const auto& newest = log.newest_head();
  if (kept.turn != Turn::kOurs || !newest || newest->head.size == kept.size) return;
  if (newest->signature.bytes == kept.offered) return;
  AuditHead message{newest->head.size,
                    newest->head.root,
                    newest->head.at_ms,
                    newest->signature.certificates,
                    std::string(as_text(newest->signature.bytes)),
                    {}};
  if (kept.size < newest->head.size)
    message.proof = log.tree().consistency_proof(kept.size, newest->head.size);
  kept.turn = Turn::kSite;
  kept.offered = newest->signature.bytes;
  ports_.send(site, message);
}

void AuditExchange::begin(const SiteName& site) {
  sites_[site] = {};
  ++links_[site];
}

// Checked elsewhere: the signatures of thousands of sites would hold up the engine after each
// round.
void AuditExchange::on_countersignature(const SiteName& site,
                                        const AuditCountersignature& message) {
  Kept& kept = sites_[site];
  if (kept.turn != Turn::kSite) {
    return ports_.drop(
        site, make_error(ErrorCode::kInvalidArgument, "a countersignature that nobody asked for"));
  }
  if (message.size == 0) return answered(site, 0);
  kept.turn = Turn::kCheck;
  const ByteView signature = as_bytes(message.signature);
  const Countersignature one{{message.size, message.root, message.at_ms},
                             message.countersigned_ms,
                             {message.certificates, {signature.begin(), signature.end()}}};
  const auto verdict = std::make_shared<Status>();
  const auto work = [trust = trust_, site, one, verdict] { *verdict = is_by(*trust, site, one); };
  const auto then = [this, site, one, verdict, link = links_[site]] {
    if (links_[site] != link) return;
    if (!*verdict) return ports_.drop(site, verdict->error());
    keep(site, one);
    answered(site, one.head.size);
  };
  if (ports_.work) return ports_.work(work, then);
  work();
  then();
}

void AuditExchange::answered(const SiteName& site, std::uint64_t size) {
  Kept& kept = sites_[site];
  kept.size = size;
  kept.turn = Turn::kOurs;
  offer(site, kept);
}

void AuditExchange::keep(const SiteName& site, const Countersignature& one) {
  const AuditLog& log = ports_.trail.log();
  if (one.head.size > log.size() || log.tree().root_at(one.head.size) != one.head.root) {
    ports_.log.record("audit.disputed", {{"site", site.value},
                                         {"kept", static_cast<std::int64_t>(one.head.size)},
                                         {"records", static_cast<std::int64_t>(log.size())}});
    return;
  }
  // One for each head that is new to the site: it says the same again on each link.
  std::uint64_t& stored = stored_[site];
  if (one.head.size <= stored) return;
  stored = one.head.size;
  if (const Status kept = ports_.trail.keep(one); !kept)
    ports_.log.record("storage.failed", {{"path", "audit"}, {"detail", kept.error().message}});
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/audit_exchange.h"

namespace tributary {

void AuditExchange::renew(Trust trust) {
  ports_.trust = std::move(trust);
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
  if (kept.asked || !newest || newest->head.size == kept.size) return;
  if (newest->signature.bytes == kept.offered) return;
  AuditHead message{newest->head.size,
                    newest->head.root,
                    newest->head.at_ms,
                    newest->signature.certificates,
                    std::string(as_text(newest->signature.bytes)),
                    {}};
  if (kept.size < newest->head.size)
    message.proof = log.tree().consistency_proof(kept.size, newest->head.size);
  kept.asked = true;
  kept.offered = newest->signature.bytes;
  ports_.send(site, message);
}

Status AuditExchange::on_countersignature(const SiteName& site,
                                          const AuditCountersignature& message) {
  if (message.size > 0) TRIB_CHECK_OK(keep(site, message));
  Kept& kept = sites_[site];
  kept.size = message.size;
  kept.asked = false;
  offer(site, kept);
  return {};
}

Status AuditExchange::keep(const SiteName& site, const AuditCountersignature& message) {
  const ByteView signature = as_bytes(message.signature);
  const Countersignature one{{message.size, message.root, message.at_ms},
                             message.countersigned_ms,
                             {message.certificates, {signature.begin(), signature.end()}}};
  TRIB_TRY(who, verify_countersignature(ports_.trust, one));
  if (who.name != site.value) {
    return make_error(ErrorCode::kUnauthenticated,
                      "a countersignature by " + who.name + ", not by " + site.value);
  }
  const AuditLog& log = ports_.trail.log();
  if (message.size > log.size() || log.tree().root_at(message.size) != message.root) {
    ports_.log.record("audit.disputed", {{"site", site.value},
                                         {"kept", static_cast<std::int64_t>(message.size)},
                                         {"records", static_cast<std::int64_t>(log.size())}});
    return {};
  }
  // One for each head that is new to the site: it says the same again on each link.
  std::uint64_t& stored = stored_[site];
  if (message.size <= stored) return {};
  stored = message.size;
  if (const Status kept = ports_.trail.keep(one); !kept)
    ports_.log.record("storage.failed", {{"path", "audit"}, {"detail", kept.error().message}});
  return {};
}

}  // namespace tributary

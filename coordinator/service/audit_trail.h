// SPDX-License-Identifier: Apache-2.0
// AuditTrail: the coordinator's audit log. The state store hands it what each transaction decides,
// before the transaction is durable, and keeps how many records it has then: a kill between the two
// leaves records that nobody acted on, which go at the next start. Owned by the daemon, engine
// thread. It sends nothing to sites.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/audit/audit_log.h"
#include "common/base/clock.h"
#include "coordinator/round/effects.h"

namespace tributary {

class StateStore;

class AuditTrail {
 public:
  struct Ports {
    FileSystem& files;
    const Clock& clock;
    // There are records under no head yet; the transaction they belong to is not over.
    std::function<void()> appended;
  };
  // `records`: as the state store has kept. Errors as of AuditLog::open().
  static Result<std::unique_ptr<AuditTrail>> open(Ports ports, const std::string& path,
                                                  std::uint64_t records, Signer signer);

  // Durable when it returns: how many records there are now; none where the effects have none.
  Result<std::optional<std::uint64_t>> append(const RoundEffects& effects,
                                              const StateStore& before);
  void take_back() { log_->take_back(); }  // what the last append() added
  // From now on heads are signed with this: the party's certificate was replaced.
  void renew(Signer signer) { signer_ = std::move(signer); }
  // The newest head, over all records.
  Result<SignedHead> sign() { return log_->sign(signer_, ports_.clock.wall_ms()); }
  Status keep(const Countersignature& countersignature) { return log_->keep(countersignature); }
  const AuditLog& log() const { return *log_; }

 private:
  AuditTrail(Ports ports, std::unique_ptr<AuditLog> log, Signer signer)
      : ports_(std::move(ports)), log_(std::move(log)), signer_(std::move(signer)) {}

  Ports ports_;
  std::unique_ptr<AuditLog> log_;
  Signer signer_;
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/audit_trail.h"

#include "coordinator/service/audit_records.h"

namespace tributary {

Result<std::unique_ptr<AuditTrail>> AuditTrail::open(Ports ports, const std::string& path,
                                                     std::uint64_t records, Signer signer) {
  TRIB_TRY(log, AuditLog::open(ports.files, path, records));
  return std::unique_ptr<AuditTrail>(
      new AuditTrail(std::move(ports), std::move(log), std::move(signer)));
}

Result<std::optional<std::uint64_t>> AuditTrail::append(const RoundEffects& effects,
                                                        const StateStore& before) {
  TRIB_TRY(records, audit_records(effects, before, ports_.clock.wall_ms()));
  if (records.empty()) return std::optional<std::uint64_t>{};
  TRIB_CHECK_OK(log_->append(records));
  ports_.appended();
  return std::optional(log_->size());
}

}  // namespace tributary

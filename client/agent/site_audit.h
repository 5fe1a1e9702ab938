// SPDX-License-Identifier: Apache-2.0
// SiteAudit: what a site can prove afterwards. Its own audit log says which tasks it took and what
// left it; the head of the coordinator's log that it keeps shows whether that log was rewritten
// since. The newest head of its own log lies beside it, too: a log that lost its end does not open.
// Owned by the daemon, on the agent's thread. It sends nothing, and trusts a coordinator's
// first head as it comes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/audit/audit_log.h"
#include "common/base/clock.h"
#include "common/domain/messages.h"
#include "common/telemetry/event_log.h"

namespace tributary {

class SiteAudit {
 public:
  struct Ports {
    FileSystem& files;
    const Clock& clock;
    EventLog& log;
  };
  // `folder` is made if it is not there. `trust`: in the coordinator's signatures.
  static Result<std::unique_ptr<SiteAudit>> open(Ports ports, std::string folder, Signer signer,
                                                 Trust trust);

  // The site's certificate, its root or a list of revoked ones was replaced.
  void renew(Signer signer, Trust trust) {
    signer_ = std::move(signer);
    trust_ = std::move(trust);
  }

  // --- the site's own log; durable when they return ---
  // A message that is about to go to the coordinator; only tasks taken and results are recorded.
  Status note_sent(const Message& message);
  // Of a secure sum: how many sites the coordinator says are in it.
  Status note_asked(const SumRequest& request);
  // The coordinator fetches bytes of a result.
  Status note_upload(const BlobRef& blob);
  // What a person here has decided about a job, by the digest of what was signed.
  Status note_decision(const JobId& job, bool approved, const Digest& manifest,
                       const std::string& who, std::int64_t decided_ms);

  // --- the coordinator's ---
  // The head that is kept, for the coordinator.
  Result<AuditCountersignature> countersignature() const;
  // Keeps it, if it continues what is kept: true, and countersignature() is its answer. False: from
  // now on disputed(), also after a restart. kUnauthenticated: it is no head of the coordinator
  // `peer`, or signed by a certificate that was revoked; nothing has changed, and it proves
  // nothing.
  Result<bool> take(const AuditHead& head, const std::string& peer);
  // Why nothing may be done for the coordinator, and what a person can do; empty: it may.
  const std::string& disputed() const { return disputed_; }

 private:
  SiteAudit(Ports ports, std::string folder, Signer signer, Trust trust)
      : ports_(ports),
        folder_(std::move(folder)),
        signer_(std::move(signer)),
        trust_(std::move(trust)) {}
  Status check_whole() const;
  Status dispute(const SignedHead& head, const std::string& detail);
  void note_dispute();
  Status append(const std::string& json);
  std::string own_head_path() const { return folder_ + "/audit.head"; }
  std::string kept_path() const { return folder_ + "/coordinator.head"; }
  std::string dispute_path() const { return folder_ + "/coordinator.dispute"; }

  Ports ports_;
  const std::string folder_;
  Signer signer_;
  Trust trust_;
  std::unique_ptr<AuditLog> log_;
  std::optional<SignedHead> kept_;
  std::string disputed_;
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Credentials: the TLS context of a daemon over its life: made at the start, made anew from the
// same files when it is told to (SIGHUP), and its ends told in the log well before. A fault of new
// files leaves the old context in force. Owned by a daemon, on its one thread. It closes no link.
#pragma once

#include <memory>

#include "common/base/clock.h"
#include "common/telemetry/event_log.h"
#include "common/transport/tls_context.h"

namespace tributary {

class Credentials {
 public:
  // `log` and `clock` outlive it.
  static Result<Credentials> load(PeerRole role, TlsFiles files, EventLog& log, const Clock& clock);

  const std::shared_ptr<TlsContext>& context() const { return context_; }
  const PeerIdentity& own() const { return context_->own(); }
  // True: there is a new context. The party stays who it is: another name needs another process.
  bool reload();
  // Warns of what ends soon: a certificate once a day, a list of revoked certificates once an hour.
  void pass_time();

 private:
  Credentials(PeerRole role, TlsFiles files, EventLog& log, const Clock& clock,
              std::shared_ptr<TlsContext> context)
      : role_(role),
        files_(std::move(files)),
        log_(&log),
        clock_(&clock),
        context_(std::move(context)) {}
  void warn_of_list();

  PeerRole role_;
  TlsFiles files_;
  EventLog* log_;
  const Clock* clock_;
  std::shared_ptr<TlsContext> context_;
  TimePoint certificate_check_at_;
  TimePoint list_check_at_;
};

}  // namespace tributary

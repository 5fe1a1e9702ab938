// SPDX-License-Identifier: Apache-2.0
#include "common/transport/credentials.h"

#include <algorithm>

#include "common/base/limits.h"
#include "common/crypto/pki.h"

namespace tributary {
namespace {

constexpr Milliseconds kHour{3600 * 1000};
constexpr Milliseconds kDay{24 * kHour};
// Lists are good for a week and made anew each day: so many days were missed, and some are left.
constexpr std::int64_t kListWarningSeconds = 3 * 24 * 3600;

}  // namespace

Result<Credentials> Credentials::load(PeerRole role, TlsFiles files, EventLog& log,
                                      const Clock& clock) {
  TRIB_TRY(context, TlsContext::load_as(role, files));
  return Credentials(role, std::move(files), log, clock, std::move(context));
}

bool Credentials::reload() {
  const auto keep = [this](const std::string& why) {
    log_->record("certificates.kept", {{"detail", why}});
    return false;
  };
  Result<std::shared_ptr<TlsContext>> loaded = TlsContext::load_as(role_, files_);
  if (!loaded) return keep(loaded.error().message);
  const PeerIdentity& now = (*loaded)->own();
  if (now.name != own().name || now.role != own().role) {
    return keep("certificate " + files_.certificate + " is for the " + peer_role_name(now.role) +
                " '" + now.name + "', and this process is the " + peer_role_name(own().role) +
                " '" + own().name + "'; stop it first");
  }
  const std::string &lists = (*loaded)->lists(), &in_force = context_->lists();
  if (lists != in_force && !in_force.empty() && !supersedes(lists, in_force)) {
    return keep("crl " + files_.crl +
                " is older than the lists in force, or has not all of them: " +
                "what was revoked would be forgotten");
  }
  context_ = *std::move(loaded);
  EventFields fields{
      {"subject", own().name}, {"fingerprint", own().fingerprint}, {"days", context_->days_left()}};
  if (const auto left = context_->crl_seconds_left())
    fields.emplace_back("crl_hours", *left / 3600);
  log_->record("certificates.reloaded", std::move(fields));
  certificate_check_at_ = list_check_at_ = {};
  return true;
}

void Credentials::pass_time() {
  if (clock_->now() >= certificate_check_at_) {
    certificate_check_at_ = clock_->now() + kDay;
    const std::int64_t days = context_->days_left();
    if (days <= limits::kExpiryWarningDays)
      log_->record("certificate.expiring", {{"subject", own().name}, {"days", days}});
  }
  if (clock_->now() >= list_check_at_) warn_of_list();
}

void Credentials::warn_of_list() {
  list_check_at_ = clock_->now() + kHour;
  const auto left = context_->crl_seconds_left();
  if (!left || *left > kListWarningSeconds) return;
  if (*left <= 0) return log_->record("crl.expired", {{"file", files_.crl}});
  log_->record("crl.expiring", {{"file", files_.crl}, {"hours", *left / 3600}});
  // It is told when it ends, too.
  list_check_at_ = clock_->now() + std::min(kHour, Milliseconds(*left * 1000 + 1));
}

}  // namespace tributary

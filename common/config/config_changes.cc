// SPDX-License-Identifier: Apache-2.0
#include "common/config/config_changes.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/base/words.h"

namespace tributary {
namespace {

auto values_of(const TlsFiles& tls) { return std::tie(tls.certificate, tls.key, tls.ca, tls.crl); }

auto values_of(const AdmissionConfig& admission) {
  return std::tie(admission.rate, admission.dials_per_address, admission.sites_max);
}

// Of a program without single sign-on all are empty, which no file can say.
auto values_of(const std::optional<OidcConfig>& oidc) {
  const OidcConfig from = oidc.value_or(OidcConfig{{"", "", "", "", {}}, ""});
  const auto& [issuer, audience, name_claim, role_claim, role_map] = from.rules;
  return std::tuple(issuer, audience, name_claim, role_claim, role_map, from.jwks_file);
}

template <typename Value>
const Value& values_of(const Value& value) {
  return value;
}

class Comparison {
 public:
  template <typename Value>
  void take(const char* key, Value& running, const Value& fresh) {
    if (values_of(running) == values_of(fresh)) return;
    running = fresh;
    changes_.taken.emplace_back(key);
  }
  template <typename Value>
  void keep(const char* key, const Value& running, const Value& fresh) {
    if (values_of(running) != values_of(fresh)) changes_.needs_restart.emplace_back(key);
  }
  void compare_log(EventLogOptions& running, const EventLogOptions& fresh) {
    take("log.level", running.level, fresh.level);
    keep("log.file", running.file, fresh.file);
    keep("log.format", running.json_on_stderr, fresh.json_on_stderr);
  }
  ConfigChanges changes() { return std::move(changes_); }

 private:
  ConfigChanges changes_;
};

}  // namespace

// A key that is new does not compile before it has its line here: each binding names all members.
ConfigChanges take_over(CoordinatorConfig& running, const CoordinatorConfig& fresh) {
  auto& [listen, state_dir, tls, sites, roles_file, oidc, admission, log, threads, running_jobs,
         tasks_per_site, upload_memory, staging_memory] = running;
  Comparison compared;
  compared.take("sites", sites, fresh.sites);
  compared.take("admission", admission, fresh.admission);
  compared.compare_log(log, fresh.log);
  compared.keep("listen", listen, fresh.listen);
  compared.keep("state_dir", state_dir, fresh.state_dir);
  compared.keep("tls", tls, fresh.tls);
  compared.keep("roles", roles_file, fresh.roles_file);
  compared.keep("oidc", oidc, fresh.oidc);
  compared.keep("threads", threads, fresh.threads);
  compared.keep("running_jobs", running_jobs, fresh.running_jobs);
  compared.keep("tasks_per_site", tasks_per_site, fresh.tasks_per_site);
  compared.keep("upload_memory", upload_memory, fresh.upload_memory);
  compared.keep("staging_memory", staging_memory, fresh.staging_memory);
  return compared.changes();
}

ConfigChanges take_over(ClientConfig& running, const ClientConfig& fresh) {
  auto& [coordinator, server_name, state_dir, tls, datasets, policy_file, log, threads, device,
         memory_for_rows, checkpoint_every_ms] = running;
  Comparison compared;
  compared.take("datasets", datasets, fresh.datasets);
  compared.take("checkpoint_every", checkpoint_every_ms, fresh.checkpoint_every_ms);
  compared.compare_log(log, fresh.log);
  compared.keep("coordinator", coordinator, fresh.coordinator);
  compared.keep("server_name", server_name, fresh.server_name);
  compared.keep("state_dir", state_dir, fresh.state_dir);
  compared.keep("tls", tls, fresh.tls);
  compared.keep("policy", policy_file, fresh.policy_file);
  compared.keep("threads", threads, fresh.threads);
  compared.keep("device", device, fresh.device);
  compared.keep("memory_for_rows", memory_for_rows, fresh.memory_for_rows);
  return compared.changes();
}

void tell_kept(EventLog& log, const Error& fault) {
  log.record("config.kept", {{"detail", fault.message}});
}

void tell_reloaded(EventLog& log, const ConfigChanges& changes, EventLevel before, EventLevel now) {
  log.set_level(std::min(before, now));  // whoever asked for less hears of this yet
  log.record("config.reloaded", {{"changed", joined(changes.taken, ",")},
                                 {"needs_restart", joined(changes.needs_restart, ",")}});
  log.set_level(now);
}

void reopen_log(EventLog& log, const std::string& file) {
  if (const Status reopened = log.reopen(); reopened) {
    log.record("log.reopened", {{"file", file}});
  } else {
    log.record("storage.failed", {{"path", file}, {"detail", reopened.error().message}});
  }
}

}  // namespace tributary

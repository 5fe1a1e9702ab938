// SPDX-License-Identifier: Apache-2.0
// coordinator.yaml. Plain values, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "common/config/daemon_config.h"
#include "common/domain/oidc_rules.h"

namespace tributary {

// How many sites may come. Operators always may.
struct AdmissionConfig {
  std::int64_t rate = 200;               // new links a second; so many may also come at once
  std::int64_t dials_per_address = 200;  // handshakes a second that may be begun
  std::int64_t sites_max = static_cast<std::int64_t>(limits::kSitesMax);  // on a link
};

// Operators who come with a bearer token of a single sign-on.
struct OidcConfig {
  OidcRules rules;
  std::string jwks_file;  // the provider's public keys
};

struct CoordinatorConfig {
  HostPort listen;
  std::string state_dir;
  TlsFiles tls;
  std::vector<std::string> sites;  // that may connect; empty: each whose certificate the CA signed
  std::string roles_file;          // what operators may do; empty: built_in_roles()
  std::optional<OidcConfig> oidc;  // none: operators come with certificates only
  AdmissionConfig admission;
  EventLogOptions log;
  std::int64_t threads = 0;         // for checking and folding updates; 0: one per processor
  std::int64_t running_jobs = 1;    // others wait in the queue
  std::int64_t tasks_per_site = 0;  // of all jobs, at the same time; 0: no limit
  std::uint64_t upload_memory = 96u << 20;  // bytes of all uploads between network and disk
  std::uint64_t staging_memory = 0;  // bytes of updates that may lie in memory; 0: all on the disk
};

// `file_name` stands in the errors, and relative paths start at its folder.
Result<CoordinatorConfig> parse_coordinator_config(const std::string& text,
                                                   const std::string& file_name);

}  // namespace tributary

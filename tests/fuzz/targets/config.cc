// SPDX-License-Identifier: Apache-2.0
#include "common/config/client_file.h"
#include "common/config/coordinator_file.h"
#include "common/config/federation_file.h"
#include "common/config/job_file.h"
#include "common/config/operator_file.h"
#include "common/config/policy_file.h"
#include "common/config/roles_file.h"
#include "tests/fuzz/targets.h"

namespace tributary {

// Each file that a person or another party writes in YAML.
bool fuzz_yaml(ByteView bytes) {
  const std::string text(as_text(bytes));
  const bool job = parse_job(text, "job.yaml").has_value();
  const bool client = parse_client_config(text, "client.yaml").has_value();
  const bool coordinator = parse_coordinator_config(text, "coordinator.yaml").has_value();
  const bool ctl = parse_operator_config(text, "tributaryctl.yaml").has_value();
  const bool policy = parse_site_policy(text, "policy.yaml").has_value();
  const bool federation =
      parse_federation_config(text, "federation.yaml", {"lead", "analyst"}).has_value();
  const bool roles = parse_role_matrix(text, "roles.yaml").has_value();
  return roles || job || client || coordinator || ctl || policy || federation;
}

}  // namespace tributary

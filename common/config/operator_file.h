// SPDX-License-Identifier: Apache-2.0
// tributaryctl.yaml: where the coordinator is and who the operator is. Plain values, any thread.
#pragma once

#include "common/config/daemon_config.h"

namespace tributary {

struct OperatorConfig {
  HostPort coordinator;
  std::string server_name;
  TlsFiles tls;
};

Result<OperatorConfig> parse_operator_config(const std::string& text, const std::string& file_name);

}  // namespace tributary

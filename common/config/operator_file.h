// SPDX-License-Identifier: Apache-2.0
// tributaryctl.yaml: where the coordinator is and who the operator is. Plain values, any thread.
#pragma once

#include "common/config/daemon_config.h"

namespace tributary {

// The environment variable of a token, where no file holds one.
inline constexpr const char* kBearerVariable = "TRIBUTARYCTL_BEARER";

struct OperatorConfig {
  HostPort coordinator;
  std::string server_name;
  TlsFiles tls;             // certificate and key empty: the operator comes with a token
  std::string bearer_file;  // that holds it; empty: kBearerVariable does
};

Result<OperatorConfig> parse_operator_config(const std::string& text, const std::string& file_name);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// federation.yaml: who belongs to a federation, for `tributaryctl federation init`. Plain values,
// any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/config/yaml_reader.h"

namespace tributary {

struct FederationConfig {
  std::string federation;
  std::string coordinator;         // the name in its certificate
  std::vector<std::string> hosts;  // under which it is reached; sites dial the first
  std::int64_t port = 8443;
  std::vector<std::string> sites;
  std::vector<std::string> evaluators;
  std::map<std::string, std::string> operators;  // name -> one of `roles`
};

// `roles`: what an operator may be.
Result<FederationConfig> parse_federation_config(const std::string& text,
                                                 const std::string& file_name,
                                                 const std::vector<std::string>& roles);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// OperatorAccess: who an operator is, by its certificate or by a bearer token of the single
// sign-on, and what its role may do; from the files that coordinator.yaml names, which are read
// anew on SIGHUP. Owned by the daemon, engine thread only. It knows no links.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/config/coordinator_file.h"
#include "common/crypto/identity.h"
#include "common/domain/messages.h"
#include "common/domain/role_matrix.h"
#include "common/telemetry/event_log.h"
#include "common/trust/bearer_tokens.h"

namespace tributary {

// An operator on a link.
struct Caller {
  std::string name;
  std::string role;
  // Unix time at which its token ends; none: it came with a certificate.
  std::optional<std::int64_t> until_seconds = {};
};

class OperatorAccess {
 public:
  // `config` outlives it. kInvalidArgument: a file is missing or has faults, which are named.
  static Result<OperatorAccess> open(const CoordinatorConfig& config);

  bool takes_tokens() const { return tokens_.has_value(); }
  const RoleMatrix& roles() const { return roles_; }
  Result<Caller> by_token(const std::string& token, std::int64_t unix_seconds) const;

  struct Changed {
    bool roles = false;
    bool keys = false;  // of the provider
  };
  // From the same files. Where one has faults all stays as it is, and the log says why.
  Changed reload(EventLog& log);

 private:
  explicit OperatorAccess(const CoordinatorConfig& config) : config_(&config) {}
  Status read();

  const CoordinatorConfig* config_;
  RoleMatrix roles_;
  std::string jwks_;  // as the file was
  std::optional<BearerTokens> tokens_;
};

}  // namespace tributary

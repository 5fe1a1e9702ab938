// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/operator_access.h"

#include "common/base/limits.h"
#include "common/config/roles_file.h"
#include "common/storage/file_system.h"

namespace tributary {
namespace {

// Whatever is wrong with a file that the configuration names is wrong usage.
Result<std::string> read_text(const std::string& path, std::uint64_t bytes_max) {
  const Result<Bytes> bytes = make_file_system()->read(path, bytes_max);
  if (bytes) return std::string(as_text(*bytes));
  return make_error(ErrorCode::kInvalidArgument, bytes.error().message);
}

}  // namespace

Status OperatorAccess::read() {
  roles_ = built_in_roles();
  if (!config_->roles_file.empty()) {
    TRIB_TRY(text, read_text(config_->roles_file, limits::kConfigBytesMax));
    TRIB_TRY(matrix, parse_role_matrix(text, config_->roles_file));
    roles_ = std::move(matrix);
  }
  if (!config_->oidc) return {};
  TRIB_TRY(jwks, read_text(config_->oidc->jwks_file, kKeySetBytesMax));
  Result<BearerTokens> tokens = BearerTokens::make(config_->oidc->rules, jwks);
  if (!tokens) return std::move(tokens).error().with_context(config_->oidc->jwks_file);
  tokens_ = *std::move(tokens);
  jwks_ = std::move(jwks);
  return {};
}

Result<OperatorAccess> OperatorAccess::open(const CoordinatorConfig& config) {
  OperatorAccess access(config);
  TRIB_CHECK_OK(access.read());
  return access;
}

Result<Caller> OperatorAccess::by_token(const std::string& token, std::int64_t unix_seconds) const {
  if (!tokens_) return make_error(ErrorCode::kUnauthenticated, "no tokens are taken here (oidc)");
  TRIB_TRY(who, tokens_->verify(token, unix_seconds));
  return Caller{std::move(who.name), std::move(who.role), who.until_seconds};
}

OperatorAccess::Changed OperatorAccess::reload(EventLog& log) {
  Result<OperatorAccess> fresh = open(*config_);
  if (!fresh) {
    log.record("access.kept", {{"detail", fresh.error().message}});
    return {};
  }
  const Changed changed{fresh->roles_ != roles_, fresh->jwks_ != jwks_};
  if (changed.roles || changed.keys)
    log.record("access.reloaded", {{"roles", changed.roles}, {"keys", changed.keys}});
  *this = *std::move(fresh);
  return changed;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/bearer.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "common/cli/named_file.h"
#include "common/crypto/jws.h"

namespace tributary {
namespace {

Error wrong(const std::string& why) { return make_error(ErrorCode::kInvalidArgument, why); }

Status check_mode(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & (S_IRWXG | S_IRWXO)) == 0) return {};
  return wrong("bearer_file " + path + " can be reached by others than its user; chmod 600 " +
               path);
}

Result<std::string> read_text(const OperatorConfig& config) {
  if (config.bearer_file.empty()) {
    const char* held = std::getenv(kBearerVariable);
    if (held != nullptr && *held != '\0') return std::string(held);
    return wrong(std::string("the file names neither certificate and key (tls) nor a bearer_file, "
                             "and ") +
                 kBearerVariable + " is not set");
  }
  TRIB_CHECK_OK(check_mode(config.bearer_file));
  TRIB_TRY(bytes, read_named(config.bearer_file, kTokenBytesMax + 2));
  return std::string(as_text(bytes));
}

}  // namespace

Result<std::string> read_bearer(const OperatorConfig& config) {
  TRIB_TRY(text, read_text(config));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const bool plain = std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
  if (text.empty() || text.size() > kTokenBytesMax || !plain) {
    return wrong(
        (config.bearer_file.empty() ? kBearerVariable : "bearer_file " + config.bearer_file) +
        " holds no token: one line of base64url, with two dots");
  }
  return text;
}

}  // namespace tributary

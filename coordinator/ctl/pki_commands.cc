// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <iostream>

#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/cli/named_file.h"
#include "common/crypto/pki.h"
#include "coordinator/ctl/commands.h"

namespace tributary {
namespace {

KeyKind key_kind(const std::string& name) {
  return name == "ed25519" ? KeyKind::kEd25519 : KeyKind::kP256;
}

// Never over an existing file: a key that is gone is gone.
Status write_pair(FileSystem& files, const std::string& stem, const PemPair& pair) {
  for (const char* ending : {".pem", ".key"}) {
    if (files.exists(stem + ending)) {
      return make_error(ErrorCode::kInvalidArgument,
                        stem + ending + " exists; move it away or take another name");
    }
  }
  const mode_t before = ::umask(0077);
  Status written = write_named(stem + ".key", as_bytes(pair.key));
  ::umask(before);
  TRIB_CHECK_OK(written);
  TRIB_CHECK_OK(write_named(stem + ".pem", as_bytes(pair.certificate)));
  std::cout << stem << ".pem\n" << stem << ".key\n";
  return {};
}

}  // namespace

Status pki_init(const PkiInit& options) {
  const auto files = make_file_system();
  if (Status made = files->make_directories(options.directory); !made)
    return fault_of_named(options.directory, std::move(made).error());
  TRIB_TRY(ca, make_ca(options.federation, key_kind(options.key), options.days));
  TRIB_CHECK_OK(write_pair(*files, options.directory + "/ca", ca));
  std::cerr << "Every party gets ca.pem; ca.key stays with whoever issues certificates.\n";
  return {};
}

Status pki_issue(const PkiIssue& options) {
  if (!is_valid_name(options.name) || options.name == "ca") {
    return make_error(ErrorCode::kInvalidArgument,
                      "'" + options.name + "' is no name: letters, digits, '.', '_', '-', not ca");
  }
  const auto files = make_file_system();
  const auto read = [&](const std::string& name) -> Result<std::string> {
    auto bytes = read_named(options.directory + "/" + name, limits::kConfigBytesMax);
    if (!bytes)
      return std::move(bytes).error().with_context(
          "the root is made first, by `tributaryctl pki init`");
    return std::string(as_text(*bytes));
  };
  TRIB_TRY(ca_certificate, read("ca.pem"));
  TRIB_TRY(ca_key, read("ca.key"));
  TRIB_TRY(issued,
           issue_certificate({ca_certificate, ca_key}, {options.name, options.role, options.hosts,
                                                        key_kind(options.key), options.days}));
  TRIB_CHECK_OK(write_pair(*files, options.directory + "/" + options.name, issued));
  TRIB_TRY(root_days, days_left(ca_certificate));
  if (options.days > root_days + 1) {
    std::cerr << "warning: the root ends in " << root_days
              << " days; from then on this certificate is worth nothing, although it is made for "
              << options.days << "\n";
  }
  return {};
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "common/base/ids.h"
#include "coordinator/ctl/authority.h"
#include "coordinator/ctl/commands.h"

namespace tributary {

Status pki_init(const PkiInit& options) {
  TRIB_TRY(authority, Authority::make(options.directory, options.authority));
  static_cast<void>(authority);
  std::cerr << "Every party gets ca.pem and crl.pem. The three keys stay with whoever issues "
               "certificates;\nca.key belongs on a medium in a safe: only new CAs, and once a "
               "year crl.pem, need it.\n";
  return {};
}

Status pki_issue(const PkiIssue& options) {
  if (!is_valid_name(options.name)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "'" + options.name + "' is no name: letters, digits, '.', '_', '-'");
  }
  const auto files = make_file_system();
  TRIB_TRY(authority, Authority::open(options.directory));
  TRIB_TRY(issued, authority.issue({options.name, options.role, options.hosts,
                                    key_kind(options.key), options.days}));
  return write_pair(*files, options.directory + "/" + options.name, issued);
}

Status pki_crl(const PkiCrl& options) {
  TRIB_TRY(authority, Authority::open(options.directory));
  TRIB_CHECK_OK(authority.renew_lists(options.revoked, options.days));
  std::cout << options.directory << "/crl.pem\n";
  std::cerr << "Give it to every party as its tls.crl, and send SIGHUP; it is good for "
            << options.days << " days.\n";
  return {};
}

}  // namespace tributary

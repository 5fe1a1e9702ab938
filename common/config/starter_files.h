// SPDX-License-Identifier: Apache-2.0
// The files that a party starts with: written once, by `tributaryctl federation init` and by
// `tributary-client enroll`, for a person to go on with. Texts; files are the caller's. Any thread.
#pragma once

#include <string>

#include "common/config/scalars.h"

namespace tributary {

// `tls`: NAME.pem, NAME.key, ca.pem, and where there are such lists crl.pem, beside the file.
std::string starter_tls(const std::string& name, bool with_lists = true);
std::string starter_dial(const HostPort& coordinator, const std::string& server_name);
std::string starter_client_file(const std::string& site, const HostPort& coordinator,
                                const std::string& server_name, bool with_lists = true);
std::string starter_policy_file();

}  // namespace tributary

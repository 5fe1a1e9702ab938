// SPDX-License-Identifier: Apache-2.0
// What an operator may ask for, by the role in its certificate. What is not named here is refused.
// Plain function, any thread.
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/domain/messages.h"

namespace tributary {

//              reads jobs, status, events   models   submits and controls jobs   controls sites
// operator     yes                          yes      yes                         yes
// root-admin   yes                          yes      yes                         yes
// org-admin    yes                          yes      yes                         yes
// lead         yes                          yes      yes
// analyst      yes                          yes
// auditor      yes
//
// kPermissionDenied names the role and who may.
Status permits_request(std::string_view role, const Message& request);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Which action (common/domain/role_matrix.h) each request of operators belongs to, and whether a
// role may have it. A message that is none of these is refused. Plain functions, any thread.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "common/base/result.h"
#include "common/domain/messages.h"
#include "common/domain/role_matrix.h"

namespace tributary {

// None: it is no request of operators.
std::optional<OperatorAction> action_of(const Message& request);

// `is_own`: whether whoever asks has submitted that job; asked only where it matters.
// kPermissionDenied names the role and who may.
Status permits_request(const RoleMatrix& matrix, std::string_view role, const Message& request,
                       const std::function<bool(const JobId&)>& is_own);

}  // namespace tributary

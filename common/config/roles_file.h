// SPDX-License-Identifier: Apache-2.0
// roles.yaml: what operators of each role may do. Plain values, any thread.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/domain/role_matrix.h"

namespace tributary {

// A role that the file does not name may do nothing. Faults name the line, and what is known there.
Result<RoleMatrix> parse_role_matrix(const std::string& text, const std::string& file_name);
// The file that says it; parse_role_matrix reads it again.
std::string text_of(const RoleMatrix& matrix);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// A roster as messages: in parts that fit into frames, and the issuers of all its certificates
// once. Plain functions, any thread.
#pragma once

#include <string>
#include <vector>

#include "common/domain/secure_sum.h"

namespace tributary {

std::vector<SumRoster> roster_parts(const std::vector<SumMember>& roster,
                                    const std::string& issuers);
// Each certificate of these PEM texts once.
std::string joined_issuers(const std::vector<std::string>& issuers);

}  // namespace tributary

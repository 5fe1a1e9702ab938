// SPDX-License-Identifier: Apache-2.0
// What a cell of text stands for. Plain functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/domain/data_spec.h"

namespace tributary {

std::string_view trimmed(std::string_view cell);            // without blanks around it
std::optional<double> parse_double(std::string_view cell);  // finite, the whole cell

// The class that a label stands for, or the target of a regression. Errors (kInvalidArgument) begin
// with `whose` and hold no value.
Result<double> label_of(const DataSpec& spec, const std::string& whose, std::string_view cell);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Text for people: aligned tables, times, figures. Plain functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace tributary {

using TableRow = std::vector<std::string>;
// Columns as wide as their widest cell; the last is not padded. Cells are escaped: much of what
// they show came from outside.
void print_table(std::ostream& out, std::vector<TableRow> rows);

std::string upper_case(std::string name);                // "balanced_accuracy": "BALANCED ACCURACY"
std::string figure(const std::optional<double>& value);  // "0.8123", "-" for none
std::string seconds_text(double seconds);                // "0.4 s", "3.2 min"
std::string bytes_text(std::uint64_t bytes);             // "1.2 MiB"

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/data/cells.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace tributary {

std::string_view trimmed(std::string_view cell) {
  while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t')) cell.remove_prefix(1);
  while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t')) cell.remove_suffix(1);
  return cell;
}

std::optional<double> parse_double(std::string_view cell) {
  cell = trimmed(cell);
  if (!cell.empty() && cell.front() == '+') cell.remove_prefix(1);
  double value = 0.0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc{} || end != cell.data() + cell.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

Result<double> label_of(const DataSpec& spec, const std::string& whose, std::string_view cell) {
  const auto wrong = [&whose](const std::string& what) {
    return make_error(ErrorCode::kInvalidArgument, whose + " has a value that " + what);
  };
  if (!spec.label_values.empty()) {
    const auto found = std::ranges::find(spec.label_values, trimmed(cell));
    if (found == spec.label_values.end()) return wrong("is not among data.label.values");
    return static_cast<double>(found - spec.label_values.begin());
  }
  const std::optional<double> number = parse_double(cell);
  if (!number) return wrong("is no number; name its words in data.label.values");
  if (spec.target == TargetKind::kRegression) {
    if (std::abs(*number) > std::numeric_limits<float>::max()) return wrong("is too large");
    return *number;
  }
  if (spec.positive_above) return *number > *spec.positive_above ? 1.0 : 0.0;
  const std::int64_t classes = spec.target == TargetKind::kBinary ? 2 : spec.classes;
  if (*number != std::floor(*number) || *number < 0 || *number >= static_cast<double>(classes))
    return wrong("is none of the classes 0 to " + std::to_string(classes - 1));
  return *number;
}

}  // namespace tributary

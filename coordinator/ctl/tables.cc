// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/tables.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "common/base/text.h"

namespace tributary {
namespace {

std::string formatted(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

void print_table(std::ostream& out, std::vector<TableRow> rows) {
  for (TableRow& row : rows) std::ranges::transform(row, row.begin(), escaped);
  std::vector<std::size_t> widths;
  for (const TableRow& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const TableRow& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    out << line << "\n";
  }
}

std::string upper_case(std::string name) {
  std::ranges::transform(name, name.begin(), [](char c) {
    return c == '_' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return name;
}

std::string figure(const std::optional<double>& value) {
  return value ? formatted("%.4f", *value) : "-";
}

std::string seconds_text(double seconds) {
  if (seconds < 90) return formatted("%.1f s", seconds);
  return seconds < 5400 ? formatted("%.1f min", seconds / 60) : formatted("%.1f h", seconds / 3600);
}

std::string bytes_text(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes < 1024) return std::to_string(bytes) + " B";
  if (bytes < (1u << 20)) return formatted("%.1f KiB", value / 1024);
  return bytes < (1u << 30) ? formatted("%.1f MiB", value / (1u << 20))
                            : formatted("%.1f GiB", value / (1u << 30));
}

}  // namespace tributary

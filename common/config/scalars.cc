// SPDX-License-Identifier: Apache-2.0
#include "common/config/scalars.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>

#include "common/base/text.h"

namespace tributary {
namespace {

Error refuse(std::string_view text, const std::string& expected) {
  return make_error(ErrorCode::kInvalidArgument,
                    "expected " + expected + ", found " + quoted(text));
}

template <typename T>
bool parse_whole(std::string_view text, T& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with('+')) return false;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  return fault == std::errc() && end == text.data() + text.size() && !text.empty();
}

std::string shown(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

std::string described(const IntegerRange& range) {
  if (range.max == std::numeric_limits<std::int64_t>::max()) {
    return "an integer of " + std::to_string(range.min) + " or more";
  }
  return "an integer from " + std::to_string(range.min) + " to " + std::to_string(range.max);
}

std::string described(const NumberRange& range) {
  const bool low = range.min > std::numeric_limits<double>::lowest();
  const bool high = range.max < std::numeric_limits<double>::max();
  std::string text = "a number";
  if (low) text += (range.above_min ? " above " : " of at least ") + shown(range.min);
  if (low && high) text += " and";
  if (high) text += (range.below_max ? " below " : " of at most ") + shown(range.max);
  return text;
}

bool contains(const NumberRange& range, double value) {
  return std::isfinite(value) && (range.above_min ? value > range.min : value >= range.min) &&
         (range.below_max ? value < range.max : value <= range.max);
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Digits and a unit; none where it is not that, or more than 2^63.
template <std::size_t N>
bool parse_with_unit(std::string_view text, const std::array<Unit, N>& units,
                     std::uint64_t& value) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::uint64_t count = 0;
  if (digits == 0 || !parse_whole(text.substr(0, digits), count)) return false;
  const auto unit = std::ranges::find(units, text.substr(digits), &Unit::name);
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (unit == units.end() || count > kMax / unit->factor) return false;
  value = count * unit->factor;
  return true;
}

}  // namespace

std::string to_string(const HostPort& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  return (brackets ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Result<bool> parse_flag(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return refuse(text, "true or false");
}

Result<std::int64_t> parse_integer(std::string_view text, IntegerRange range) {
  std::int64_t value = 0;
  if (!parse_whole(text, value) || value < range.min || value > range.max) {
    return refuse(text, described(range));
  }
  return value;
}

Result<double> parse_number(std::string_view text, NumberRange range) {
  const std::size_t slash = text.find('/');
  double value = 0.0;
  double divisor = 1.0;
  if (!parse_whole(text.substr(0, slash), value) ||
      (slash != std::string_view::npos && !parse_whole(text.substr(slash + 1), divisor)) ||
      !contains(range, value / divisor)) {
    return refuse(text, described(range));
  }
  return value / divisor;
}

Result<std::int64_t> parse_duration_ms(std::string_view text) {
  static constexpr std::array<Unit, 5> kUnits{
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  std::uint64_t value = 0;
  if (!parse_with_unit(text, kUnits, value)) {
    return refuse(text, "a duration such as 500ms, 30s, 10m, 2h or 1d");
  }
  return static_cast<std::int64_t>(value);
}

Result<std::uint64_t> parse_byte_size(std::string_view text) {
  static constexpr std::array<Unit, 5> kUnits{
      {{"B", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}, {"TiB", 1ull << 40}}};
  std::uint64_t value = 0;
  if (!parse_with_unit(text, kUnits, value)) {
    return refuse(text, "a size such as 512B, 64KiB, 20MiB, 2GiB or 1TiB");
  }
  return value;
}

Result<HostPort> parse_host_port(std::string_view text, IntegerRange port) {
  const std::string expected = "HOST:PORT such as coordinator.example.org:8443 or [::1]:8443";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse(text, expected);
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  const bool plain = std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '%';
  });
  if (host.empty() || host.size() > 253 || !plain) return refuse(text, expected);
  if (brackets != (host.find(':') != std::string_view::npos)) return refuse(text, expected);
  const Result<std::int64_t> number = parse_integer(text.substr(colon + 1), port);
  if (!number) return refuse(text, expected + ", the port being " + described(port));
  return HostPort{std::string(host), static_cast<std::uint16_t>(*number)};
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// How a single value is written in our YAML files and on command lines: by declared type only,
// whole text, no locale. The error is a phrase that ends the sentence "train.epochs: ...". Plain
// functions, any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace tributary {

struct IntegerRange {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

struct NumberRange {
  double min = std::numeric_limits<double>::lowest();
  double max = std::numeric_limits<double>::max();
  bool above_min = false;  // min itself is out
  bool below_max = false;  // max itself is out
};

struct HostPort {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without its brackets
  std::uint16_t port = 0;

  bool operator==(const HostPort&) const = default;
};
std::string to_string(const HostPort& address);  // "[::1]:8443"

Result<bool> parse_flag(std::string_view text);  // true, false
Result<std::int64_t> parse_integer(std::string_view text, IntegerRange range);
Result<double> parse_number(std::string_view text,
                            NumberRange range);                 // 0.5, 1e-3, or a fraction: 1/255
Result<std::int64_t> parse_duration_ms(std::string_view text);  // 500ms, 30s, 10m, 2h, 1d
Result<std::uint64_t> parse_byte_size(std::string_view text);   // 512B, 64KiB, 20MiB, 2GiB, 1TiB
Result<HostPort> parse_host_port(std::string_view text, IntegerRange port = {1, 65535});

}  // namespace tributary

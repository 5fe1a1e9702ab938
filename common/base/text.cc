// SPDX-License-Identifier: Apache-2.0
#include "common/base/text.h"

#include <cstdint>
#include <cstdio>

namespace tributary {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 0;  // 0: not valid UTF-8 here
};

CodePoint decode(std::string_view text) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return static_cast<unsigned char>(text[i]);
  };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xf0 && first < 0xf8   ? 4
                            : first >= 0xe0 && first < 0xf0 ? 3
                            : first >= 0xc0 && first < 0xe0 ? 2
                                                            : 0;
  if (bytes == 0 || text.size() < bytes) return {};
  std::uint32_t value = first & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = (value << 6) | (byte(i) & 0x3f);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[bytes] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
    return {};
  return {value, bytes};
}

bool is_deceptive(std::uint32_t c) {
  if (c < 0x20 || (c >= 0x7f && c <= 0xa0)) return true;  // controls, and a blank that is none
  if (c < 0xad) return false;
  return c == 0xad || c == 0x61c || c == 0x1680 || c == 0x2800 || c == 0x3000 ||
         c == 0x3164 ||                                  // blanks
         (c >= 0x2000 && c <= 0x200f) ||                 // blanks, zero width, direction marks
         (c >= 0x2028 && c <= 0x202f) ||                 // separators, direction overrides
         (c >= 0x205f && c <= 0x206f) || c == 0xfeff ||  // invisible operators, isolates, BOM
         (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);  // annotations, tags
}

void append_escape(std::string& out, const char* format, unsigned value) {
  char text[16];
  std::snprintf(text, sizeof text, format, value);
  out += text;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = decode(text);
    if (c.bytes == 0) return false;
    text.remove_prefix(c.bytes);
  }
  return true;
}

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = decode(text);
    if (c.bytes == 0) {
      append_escape(out, "\\x%02x", static_cast<unsigned char>(text.front()));
    } else if (c.value == '\n') {
      out += "\\n";
    } else if (c.value == '\t') {
      out += "\\t";
    } else if (c.value == '\\') {
      out += "\\\\";
    } else if (is_deceptive(c.value)) {
      append_escape(out, c.value < 0x80 ? "\\x%02x" : "\\u{%04x}", c.value);
    } else {
      out += text.substr(0, c.bytes);
    }
    text.remove_prefix(c.bytes == 0 ? 1 : c.bytes);
  }
  return out;
}

std::string_view cut_utf8(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t cut = bytes_max;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
  return text.substr(0, cut);
}

std::string quoted(std::string_view text, std::size_t bytes_max) {
  const std::string_view start = cut_utf8(text, bytes_max);
  if (start.size() == text.size()) return "'" + escaped(text) + "'";
  return "'" + escaped(start) + "…' (" + std::to_string(text.size()) + " bytes)";
}

}  // namespace tributary

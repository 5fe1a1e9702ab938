// SPDX-License-Identifier: Apache-2.0
#include "client/data/text_encoding.h"

#include <array>

namespace tributary {
namespace {

// Of 0x80 to 0x9f; everything else is as in Latin-1 (https://encoding.spec.whatwg.org).
constexpr std::array<char16_t, 32> kWindows1252 = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178};

}  // namespace

TextEncoding text_encoding(std::string_view name) {
  if (name == "latin-1") return TextEncoding::kLatin1;
  return name == "windows-1252" ? TextEncoding::kWindows1252 : TextEncoding::kUtf8;
}

std::string to_utf8(std::string_view text, TextEncoding from) {
  if (from == TextEncoding::kUtf8) return std::string(text);
  std::string made;
  made.reserve(text.size() + text.size() / 8);
  for (const char character : text) {
    unsigned code = static_cast<unsigned char>(character);
    if (from == TextEncoding::kWindows1252 && code >= 0x80 && code < 0xa0)
      code = kWindows1252[code - 0x80];
    if (code < 0x80) {
      made += static_cast<char>(code);
    } else if (code < 0x800) {
      made += static_cast<char>(0xc0 | (code >> 6));
      made += static_cast<char>(0x80 | (code & 0x3f));
    } else {
      made += static_cast<char>(0xe0 | (code >> 12));
      made += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
      made += static_cast<char>(0x80 | (code & 0x3f));
    }
  }
  return made;
}

}  // namespace tributary

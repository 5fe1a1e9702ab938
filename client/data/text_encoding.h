// SPDX-License-Identifier: Apache-2.0
// Files in encodings of one byte a character, made UTF-8. Plain functions, any thread.
#pragma once

#include <string>
#include <string_view>

namespace tributary {

enum class TextEncoding { kUtf8, kLatin1, kWindows1252 };
// "utf-8", "latin-1" or "windows-1252", as options name them; another word is UTF-8.
TextEncoding text_encoding(std::string_view name);

// UTF-8 stays as it is; every byte of the other two stands for a character (WHATWG's table for the
// five that Windows-1252 leaves open), so a text may be cut anywhere.
std::string to_utf8(std::string_view text, TextEncoding from);

}  // namespace tributary

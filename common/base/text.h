// SPDX-License-Identifier: Apache-2.0
// Text that came from outside and is shown to people: UTF-8 checks, and escaping so that a hostile
// name can forge neither a line of a log nor the look of a terminal. Plain functions, any thread.
// Nothing here knows a locale.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tributary {

bool is_utf8(std::string_view text);

// Control characters, invalid UTF-8, line separators, and characters that are invisible or turn the
// direction of writing become \n, \t, \\, \xNN or \u{NNNN}; everything else stays as it is.
std::string escaped(std::string_view text);

// The first bytes of `text`, at most `bytes_max`, not cut inside a character.
std::string_view cut_utf8(std::string_view text, std::size_t bytes_max);

// 'text' for messages: escaped, in single quotes, cut after `bytes_max` bytes with the full size
// named.
std::string quoted(std::string_view text, std::size_t bytes_max = 80);

}  // namespace tributary

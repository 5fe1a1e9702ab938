// SPDX-License-Identifier: Apache-2.0
// What the command lines of all programs share: options that stand before or after the command,
// faults that name the wrong word and the nearest known one, exit statuses. Used by main alone, one
// thread.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace tributary {

// What all programs have; called before commands are added, which take it over.
void prepare_command_line(CLI::App& app);

// The exit status if the program is to end now: it has shown its help, or said what is wrong.
std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv);

// Escaped (see text.h) but for its line ends: an error can have several lines. Escaping twice is
// harmless.
std::string escaped_lines(std::string_view text);

// Takes a secret out of what other users see of this process; empty: nothing to hide.
void hide_argument(int argc, char** argv, std::string_view secret);

// For a process that has keys and others' data in its memory: no core dump, and no debugger of the
// same user (Linux). Before secrets are read.
void protect_memory();

// "program: message" on stderr; the exit status for it.
int tell_error(const std::string& program, const Error& error);
// The same for a daemon, which a supervisor starts again where trying again may help: 1, or 2 where
// a file of its user or of its own has to be mended first. It is no matter of links: it dials for
// ever, or nobody.
int tell_daemon_error(const std::string& program, const Error& error);

}  // namespace tributary

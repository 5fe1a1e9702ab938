// SPDX-License-Identifier: Apache-2.0
#include "common/cli/command_line.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <iostream>
#include <vector>

#include "common/base/text.h"
#include "common/base/version.h"
#include "common/config/suggest.h"

namespace tributary {
namespace {

constexpr const char* kExitStatuses =
    "Exit status: 0 done; 1 the work failed; 2 wrong usage or a wrong file; 3 no connection, or "
    "not "
    "let in.";

// The command that was understood: "tributaryctl job".
struct Understood {
  CLI::App* command;
  std::string text;
};

Understood understood(CLI::App& app) {
  Understood found{&app, app.get_name()};
  for (auto next = app.get_subcommands(); !next.empty(); next = found.command->get_subcommands()) {
    found.command = next.front();
    found.text += " " + found.command->get_name();
  }
  return found;
}

std::vector<std::string> commands_of(CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    if (!command->get_group().empty()) names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> options_of(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        if (std::ranges::find(names, "--" + name) == names.end()) names.push_back("--" + name);
      }
    }
  }
  return names;
}

bool is_yaml(const std::string& word) { return word.ends_with(".yaml") || word.ends_with(".yml"); }

std::string wrong_word(CLI::App& app, const std::string& word) {
  const Understood at = understood(app);
  if (word.starts_with("-"))
    return at.text + ": no option " + tributary::quoted(word) +
           suggest(word, options_of(at.command));
  const auto commands = commands_of(*at.command);
  if (is_yaml(word) && app.get_option_no_throw("--config") != nullptr)
    return at.text + ": no command " + tributary::quoted(word) + "; did you mean --config " + word +
           "?";
  if (commands.empty()) return at.text + ": " + tributary::quoted(word) + " is too much";
  return at.text + ": no command " + tributary::quoted(word) + suggest(word, commands);
}

std::string what_was_wrong(CLI::App& app, const CLI::ParseError& error) {
  const auto left = app.remaining(true);
  const bool required = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  if (!left.empty() && (required || dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr))
    return wrong_word(app, left.front());
  const Understood at = understood(app);
  if (required && at.command->get_require_subcommand_min() > 0)
    return at.text + ": a command is missing" + suggest("", commands_of(*at.command));
  return at.text + ": " + error.what();
}

}  // namespace

void prepare_command_line(CLI::App& app) {
  app.set_version_flag("--version", kVersion);
  app.footer(kExitStatuses);
  app.fallthrough();
}

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::cerr << what_was_wrong(app, error) << "\n";
    return 2;
  }
}

std::string escaped_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\n\\"), text.size());
    out += escaped(text.substr(0, end));
    if (end < text.size()) out += text[end];
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

void hide_argument(int argc, char** argv, std::string_view secret) {
  for (int i = 1; i < argc && !secret.empty(); ++i) {
    char* const found = std::strstr(argv[i], std::string(secret).c_str());
    if (found != nullptr) std::fill_n(found, secret.size(), '*');
  }
}

void protect_memory() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  // The limit does not hold for a handler of core dumps, which the system may have.
  ::prctl(PR_SET_DUMPABLE, 0);
}

int tell_error(const std::string& program, const Error& error) {
  std::cerr << program << ": " << escaped_lines(error.message) << "\n";
  return exit_code(error.code);
}

int tell_daemon_error(const std::string& program, const Error& error) {
  const bool mend_first = error.code == ErrorCode::kDataLoss;
  return tell_error(program, error) == 2 || mend_first ? 2 : 1;
}

}  // namespace tributary

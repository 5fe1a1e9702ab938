// SPDX-License-Identifier: Apache-2.0
// tributary-coordinator: reads its file, opens the log, runs the daemon. Exit status: 0 stopped in
// good order, 1 could not run, 2 wrong usage or file, 3 network or certificate.
#include <CLI/CLI.hpp>
#include <iostream>

#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/storage/file_system.h"
#include "coordinator/service/daemon.h"

namespace tributary {
namespace {

int exit_code(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return 2;
    case ErrorCode::kUnavailable:
    case ErrorCode::kUnauthenticated:
      return 3;
    default:
      return 1;
  }
}

int fail(const Error& error, int code) {
  std::cerr << "tributary-coordinator: " << error.message << "\n";
  return code;
}

int run(const std::string& path, bool check_only) {
  const auto text = make_file_system()->read(path, limits::kConfigBytesMax);
  if (!text) return fail(text.error(), 2);
  const auto config = parse_coordinator_config(std::string(as_text(*text)), path);
  if (!config) return fail(config.error(), 2);
  if (check_only) {
    std::cout << path << ": fine\n";
    return 0;
  }
  const SystemClock clock;
  EventLogOptions options;
  options.level = event_level_from_name(config->log.level).value_or(EventLevel::kInfo);
  options.json_on_stderr = config->log.format == "json";
  options.file = config->log.file;
  const auto log = EventLog::open(options, clock);
  if (!log) return fail(log.error(), 2);
  const Status ran = run_coordinator(*config, **log, clock);
  return ran ? 0 : fail(ran.error(), exit_code(ran.error()));
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  CLI::App app{
      "Tributary's coordinator: schedules rounds of federated learning and sums updates.\n"
      "Runs in the foreground until SIGTERM or SIGINT; SIGHUP opens the log file anew.\n"
      "Jobs are submitted with tributaryctl."};
  app.set_version_flag("--version", tributary::kVersion);
  std::string config;
  bool check = false;
  app.add_option("--config", config, "Its file, coordinator.yaml")->required();
  app.add_flag("--check", check, "Only check the file");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return tributary::run(config, check);
}

// SPDX-License-Identifier: Apache-2.0
// tributary-coordinator: reads its file, opens the log, runs the daemon. Exit status: 0 stopped in
// good order, 1 could not run, 2 wrong usage or file, 3 network or certificate.
#include <CLI/CLI.hpp>
#include <iostream>

#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/storage/file_system.h"
#include "common/transport/tls_context.h"
#include "coordinator/service/daemon.h"

namespace tributary {
namespace {

int fail(const Error& error, int code) {
  std::cerr << "tributary-coordinator: " << error.message << "\n";
  return code;
}

Result<CoordinatorConfig> read_config(const std::string& path) {
  TRIB_TRY(text, make_file_system()->read(path, limits::kConfigBytesMax));
  return parse_coordinator_config(std::string(as_text(text)), path);
}

int run(const std::string& path) {
  const auto config = read_config(path);
  if (!config) return fail(config.error(), 2);
  const SystemClock clock;
  const auto log = EventLog::open(config->log, clock);
  if (!log) return fail(log.error(), 2);
  const Status ran = run_coordinator(*config, **log, clock);
  return ran ? 0 : fail(ran.error(), exit_code(ran.error().code));
}

int check_config(const std::string& path) {
  const auto config = read_config(path);
  if (!config) return fail(config.error(), 2);
  const auto context = TlsContext::load_as(PeerRole::kCoordinator, config->tls);
  if (!context) return fail(context.error(), 2);
  std::cout << path << ": fine; coordinator " << (*context)->own().name << "\n";
  return 0;
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
  app.add_option("--config", config, "Its file, coordinator.yaml");
  std::string checked;
  CLI::App* check = app.add_subcommand(
      "check-config", "Check coordinator.yaml and its certificate, without listening");
  check->add_option("--config", checked, "The file")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (check->parsed()) return tributary::check_config(checked);
  if (config.empty()) {
    std::cerr << "tributary-coordinator: --config is missing; --help shows what there is\n";
    return 2;
  }
  return tributary::run(config);
}

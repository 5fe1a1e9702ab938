// SPDX-License-Identifier: Apache-2.0
// tributary-coordinator: reads its file, opens the log, runs the daemon.
#include <iostream>

#include "common/base/limits.h"
#include "common/cli/command_line.h"
#include "common/cli/named_file.h"
#include "common/config/roles_file.h"
#include "common/transport/tls_context.h"
#include "coordinator/service/daemon.h"
#include "coordinator/service/operator_access.h"

namespace tributary {
namespace {

constexpr const char* kProgram = "tributary-coordinator";

Result<CoordinatorConfig> read_config(const std::string& path) {
  TRIB_TRY(text, read_named(path, limits::kConfigBytesMax));
  return parse_coordinator_config(std::string(as_text(text)), path);
}

int run(const std::string& path) {
  protect_memory();
  const auto config = read_config(path);
  if (!config) return tell_error(kProgram, config.error());
  const SystemClock clock;
  const auto log = EventLog::open(config->log, clock);
  if (!log) return tell_error(kProgram, fault_of_named(config->log.file, log.error()));
  const Status ran = run_coordinator(
      *config, [path] { return read_config(path); }, **log, clock);
  return ran ? 0 : tell_daemon_error(kProgram, ran.error());
}

Status check_config(const std::string& path) {
  TRIB_TRY(config, read_config(path));
  TRIB_TRY(context, TlsContext::load_as(PeerRole::kCoordinator, config.tls));
  if (const auto access = OperatorAccess::open(config); !access) return access.error();
  std::cout << path << ": fine; coordinator " << context->own().name << "\n";
  return {};
}

Status print_roles(const std::string& path) {
  TRIB_TRY(config, read_config(path));
  TRIB_TRY(access, OperatorAccess::open(config));
  std::cout << text_of(access.roles());
  return {};
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  CLI::App app{
      "Tributary's coordinator: schedules rounds of federated learning and sums updates.\n"
      "Runs in the foreground until SIGTERM or SIGINT; SIGHUP opens the log file anew, and reads "
      "its file, certificates, roles and the keys of the single sign-on.\n"
      "Jobs are submitted with tributaryctl.",
      tributary::kProgram};
  tributary::prepare_command_line(app);
  std::string config;
  app.add_option("--config", config, "Its file, coordinator.yaml")->required();
  CLI::App* check = app.add_subcommand(
      "check-config", "Check coordinator.yaml and its certificate, without listening");
  CLI::App* roles = app.add_subcommand(
      "roles",
      "Print what operators of each role may do, as a file for `roles` in coordinator.yaml");
  if (const auto ended = tributary::parse_command_line(app, argc, argv)) return *ended;
  if (!check->parsed() && !roles->parsed()) return tributary::run(config);
  const tributary::Status fine =
      check->parsed() ? tributary::check_config(config) : tributary::print_roles(config);
  return fine ? 0 : tributary::tell_error(tributary::kProgram, fine.error());
}

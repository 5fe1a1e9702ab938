// SPDX-License-Identifier: Apache-2.0
// A federation of real processes in a folder of its own: data, certificates, configuration, logs.
// One test each.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/base/random_source.h"
#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"

namespace tributary {

using Json = nlohmann::json;

class FederationFiles {
 public:
  explicit FederationFiles(int sites);

  std::string path(const std::string& name) const { return directory_ / name; }
  static std::string program(const std::string& name) {
    return std::string(TRIBUTARY_BIN_DIR) + "/" + name;
  }
  static std::string read(const std::string& path);
  static void write(const std::string& path, const std::string& text);

  // The job of the tests; `train` and `rounds` are the YAML of those sections, `hidden` the
  // model's.
  std::string write_job(const std::string& train, const std::string& rounds,
                        const std::string& hidden = "[8]") const;
  void write_client(const std::string& site, const std::string& stem, const std::string& pki) const;
  // Certificate and key NAME.pem, NAME.key in folder `pki`, made with its root if there is none.
  // Not positive days: expired.
  void issue(const std::string& pki, const std::string& role, const std::string& name,
             int days) const;

  // More lines of coordinator.yaml, more keys of a client's log; before the first start.
  void configure_coordinator(const std::string& yaml) { coordinator_options_ = yaml; }
  void configure_clients(const std::string& log) { client_log_options_ = ", " + log; }
  void start_coordinator();  // the first start chooses the port
  bool kill_coordinator();   // kill -9; false where it had ended by itself
  int stop_coordinator();    // SIGTERM; the exit status
  void signal_coordinator(int number) { coordinator_->signal(number); }
  void start_client(int index);
  bool kill_client(int index) { return kill(*clients_.at(index)); }
  void signal_client(int index, int number) { clients_.at(index)->signal(number); }
  int stop_client(int index) { return clients_.at(index)->end(SIGTERM); }
  int port() const { return port_; }
  pid_t coordinator_pid() const { return coordinator_->pid(); }
  pid_t client_pid(int index) const { return clients_.at(index)->pid(); }

  // The job's id.
  std::string submit(const std::string& job_path, std::vector<std::string> more = {});
  int ctl(std::vector<std::string> arguments, std::string* output = nullptr) const;

  // Events of the coordinator's log with this name, for which each given field has the given text.
  std::vector<Json> events(const std::string& name,
                           const std::map<std::string, std::string>& fields = {}) const;
  // All events of a log, in order, over all lives of its process.
  std::vector<Json> log_of_coordinator() const { return lines_of(coordinator_log()); }
  std::vector<Json> log_of_client(int index) const {
    return lines_of(read(path("hospital-" + std::to_string(index) + ".jsonl")));
  }
  // The same of a client's log.
  std::vector<Json> client_events(int index, const std::string& name,
                                  const std::map<std::string, std::string>& fields = {}) const;
  bool wait_for(const std::string& name, const std::map<std::string, std::string>& fields = {},
                std::size_t count = 1) const;
  bool wait_for_that(const std::function<bool()>& is_so) const;
  // A random moment of the work that goes on: up to so many further lines of the coordinator's log,
  // and some milliseconds. False where a job ended before.
  bool wait_for_moment(RandomSource& random, std::size_t lines_most) const;
  bool job_over() const;
  bool wait_for_end() const;
  // All logs, for a failing test.
  std::string logs() const;
  // The bytes of the last global model.
  std::string final_model(const std::string& job) const;

 private:
  static bool kill(Process& process);
  void write_coordinator() const;
  const std::string& coordinator_log() const;
  static std::vector<Json> lines_of(const std::string& log);
  static std::vector<Json> events_of(const std::string& log, const std::string& name,
                                     const std::map<std::string, std::string>& fields);

  TemporaryDirectory directory_;
  std::string coordinator_options_, client_log_options_;
  int port_ = 0;
  mutable std::string log_;  // of the coordinator, as far as it was read
  std::unique_ptr<Process> coordinator_;
  std::map<int, std::unique_ptr<Process>> clients_;
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/config/starter_files.h"

namespace tributary {

std::string starter_tls(const std::string& name, bool with_lists) {
  return "tls: {certificate: " + name + ".pem, key: " + name + ".key, ca: ca.pem" +
         (with_lists ? ", crl: crl.pem" : "") + "}\n";
}

std::string starter_dial(const HostPort& coordinator, const std::string& server_name) {
  return "coordinator: \"" + to_string(coordinator) + "\"\nserver_name: " + server_name + "\n";
}

std::string starter_client_file(const std::string& site, const HostPort& coordinator,
                                const std::string& server_name, bool with_lists) {
  return starter_dial(coordinator, server_name) + "state_dir: state\n" +
         starter_tls(site, with_lists) +
         "datasets:   # logical names and where they are; nobody else sees the paths\n"
         "  patients: {loader: csv, path: patients.csv}\n"
         "log: {file: client.jsonl}\n";
}

std::string starter_policy_file() {
  return "# What jobs may do at this site, and what may leave; deploy/reference has every key.\n"
         "approval: manual   # a person here looks at each job: tributary-client jobs pending, "
         "inspect, approve\n";
}

}  // namespace tributary

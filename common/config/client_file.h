// SPDX-License-Identifier: Apache-2.0
// client.yaml. Plain values, any thread. A job names a logical dataset; only this file says where
// it is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/config/daemon_config.h"
#include "common/domain/job_spec.h"

namespace tributary {

struct ClientConfig {
  HostPort coordinator;
  std::string server_name;  // in the coordinator's certificate
  std::string state_dir;
  TlsFiles tls;
  std::map<std::string, PluginChoice>
      datasets;             // logical name -> loader and its options, paths resolved
  std::string policy_file;  // policy.yaml (policy_file.h); nothing runs here without it
  EventLogOptions log;
  std::int64_t threads = 1;                   // of one training
  std::string device = "auto";                // auto | cpu | cuda: what models are computed on
  // Of the rows of a dataset; what is beyond lies in files without a name, in state_dir/rows.
  std::uint64_t memory_for_rows = limits::kRowsInMemoryMax;
  std::int64_t checkpoint_every_ms = 60'000;  // of training; 0: never
};

std::vector<std::string> dataset_names(const ClientConfig& config);

Result<ClientConfig> parse_client_config(const std::string& text, const std::string& file_name);
// Only the `datasets` of a client.yaml, or of a file that has nothing else: for simulation.
Result<std::map<std::string, PluginChoice>> parse_datasets(const std::string& text,
                                                           const std::string& file_name);

}  // namespace tributary

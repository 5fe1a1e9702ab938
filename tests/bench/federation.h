// SPDX-License-Identifier: Apache-2.0
// Federation: a tributary-coordinator as a process of its own, in a folder with its certificates,
// state and log; what it needs of memory; and jobs by tributaryctl. One owner.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/crypto/pki.h"
#include "common/domain/tls_files.h"
#include "tests/support/process.h"

namespace tributary::bench {

struct Memory {
  double now_mb = 0.0;   // VmRSS
  double peak_mb = 0.0;  // VmHWM
};

// A new folder in another one, removed at the end with all that is in it.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& in);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Federation {
 public:
  // In a new folder in `in`; its staging memory as coordinator.yaml has it.
  explicit Federation(const std::string& in, const std::string& staging = "96MiB");
  ~Federation();

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  // Certificate and key of a party, made if need be.
  TlsFiles tls_of(const std::string& role, const std::string& name);
  std::uint16_t port() const { return port_; }
  Memory memory() const;
  // The job's id. Its sites are whoever says that it has the dataset "bench".
  std::string submit(int rounds, int sites, const std::string& more = "");
  // Waits for the job's end; false if it failed, or took longer.
  bool wait(const std::string& job, std::chrono::seconds limit);
  // Seconds of each committed round, from its start.
  std::vector<double> round_seconds(const std::string& job) const;

 private:
  struct Log;
  int ctl(std::vector<std::string> arguments, std::string* output = nullptr) const;
  std::string file(const std::string& name) const;

  ScratchFolder folder_;
  std::unique_ptr<Log> log_;
  PemPair ca_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Process> coordinator_;
};

}  // namespace tributary::bench

// SPDX-License-Identifier: Apache-2.0
// What the command line names: a job with its module, and the virtual sites with their data, honest
// or hostile. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/simulate/virtual_sites.h"
#include "common/base/result.h"
#include "common/config/job_file.h"

namespace tributary {

struct LoadedJob {
  std::string document;
  JobFile job;
  Bytes module_bytes;
};
Result<LoadedJob> load_job(const std::string& path);

struct SiteOptions {
  std::vector<std::string> clients;
  std::size_t split = 0;  // 0: one site for each client
  std::string partition = "iid";
  std::size_t shards = 2;
  double alpha = 0.5;
  std::size_t attackers = 1;  // where there is an attack
  // The root of a job's rule, for jobs that name one: a client.yaml, or so many rows by lot of
  // those that are divided among the sites.
  std::string root;
  std::size_t root_rows = 100;
};

class SiteSource {
 public:
  explicit SiteSource(SiteOptions options) : options_(std::move(options)) {}

  // The sites for one run; the last `attackers` that train are hostile where there is an attack.
  // Refuses what cannot work: all sites are there from the start, and a job that wants more would
  // wait for nobody.
  Result<std::vector<VirtualSite>> sites(const LoadedJob& job, const ChosenAttack* attack);

 private:
  Result<std::vector<VirtualSite>> of_files() const;
  Result<std::vector<VirtualSite>> of_split(const JobSpec& job);
  Result<std::unique_ptr<SiteData>> data_of_root(const JobSpec& job, const SiteName& root) const;
  Status check(const JobSpec& job, const ChosenAttack* attack) const;

  SiteOptions options_;
  std::unique_ptr<FileSiteData> whole_;  // what is split; read once
};

}  // namespace tributary

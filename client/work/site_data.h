// SPDX-License-Identifier: Apache-2.0
// SiteData: where a task's examples come from: a site's files, or a virtual site's share in a
// simulation. Called by one task at a time.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "client/data/dataset.h"
#include "common/base/result.h"
#include "common/domain/data_plan.h"
#include "common/domain/job_spec.h"

namespace tributary {

class SiteData {
 public:
  virtual ~SiteData() = default;
  // kNotFound: no such dataset here. `local_detail` is for the site's own log.
  virtual Result<DataSummary> summarize(const JobSpec& job, std::string& local_detail) = 0;
  virtual Result<std::shared_ptr<const SiteExamples>> examples(const JobSpec& job,
                                                               const DataPlan& plan,
                                                               std::string& local_detail) = 0;
};

// Files named in client.yaml. Keeps the examples of the last job, which rounds ask for again and
// again.
class FileSiteData final : public SiteData {
 public:
  explicit FileSiteData(std::map<std::string, PluginChoice> datasets)
      : datasets_(std::move(datasets)) {}

  // An evaluator holds data that trains nothing: all of its rows judge, unless the dataset names
  // validation files.
  void judge_with_all_rows() { all_rows_judge_ = true; }

  Result<DataSummary> summarize(const JobSpec& job, std::string& local_detail) override;
  Result<std::shared_ptr<const SiteExamples>> examples(const JobSpec& job, const DataPlan& plan,
                                                       std::string& local_detail) override;

 private:
  Result<DatasetSource> source(const JobSpec& job) const;

  std::map<std::string, PluginChoice> datasets_;
  bool all_rows_judge_ = false;
  DataSpec loaded_spec_;
  DataPlan loaded_plan_;
  std::uint64_t loaded_seed_ = 0;
  std::shared_ptr<const SiteExamples> loaded_;
};

}  // namespace tributary

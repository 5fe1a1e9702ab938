// SPDX-License-Identifier: Apache-2.0
// SiteData: where a task's examples come from: a site's files, or a virtual site's share in a
// simulation. Called by one task at a time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/data/dataset.h"
#include "client/data/description.h"
#include "common/base/ids.h"
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
  // validation files. For a job that names it as the root of its rule they all train instead.
  void serve_evaluator(SiteName name) { evaluator_ = std::move(name); }

  // Where rows lie from the next task on, beyond what memory may hold.
  void keep_rows_in(std::shared_ptr<RowStore> store) { store_ = std::move(store); }
  void keep_rows_in(const std::string& folder, std::uint64_t memory_bytes) {
    store_ = std::make_shared<RowStore>(folder, memory_bytes);
  }

  // From the next task on; examples that were loaded are read anew.
  void renew(std::map<std::string, PluginChoice> datasets);

  Result<DataSummary> summarize(const JobSpec& job, std::string& local_detail) override;
  Result<std::shared_ptr<const SiteExamples>> examples(const JobSpec& job, const DataPlan& plan,
                                                       std::string& local_detail) override;
  // What the job would find here, for people of the site.
  Result<DatasetDescription> describe(const JobSpec& job, std::string& local_detail) const;

 private:
  Result<DatasetSource> source(const JobSpec& job) const;
  DataSpec spec_of(const JobSpec& job) const;

  std::map<std::string, PluginChoice> datasets_;
  std::optional<SiteName> evaluator_;  // none: an ordinary site
  std::shared_ptr<RowStore> store_;    // null: all rows lie in memory
  DataSpec loaded_spec_;
  DataPlan loaded_plan_;
  std::uint64_t loaded_seed_ = 0;
  std::shared_ptr<const SiteExamples> loaded_;
};

}  // namespace tributary

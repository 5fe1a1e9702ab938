// SPDX-License-Identifier: Apache-2.0
#include "client/work/site_data.h"

namespace tributary {

void FileSiteData::renew(std::map<std::string, PluginChoice> datasets) {
  datasets_ = std::move(datasets);
  loaded_.reset();
}

Result<DatasetSource> FileSiteData::source(const JobSpec& job) const {
  const auto found = datasets_.find(job.data.dataset);
  if (found == datasets_.end()) {
    return make_error(ErrorCode::kNotFound, "this site has no dataset '" + job.data.dataset + "'");
  }
  return dataset_source(found->second, store_);
}

DataSpec FileSiteData::spec_of(const JobSpec& job) const {
  DataSpec spec = job.data;
  if (evaluator_) spec.validation_fraction = job.aggregation.root() == evaluator_ ? 0.0 : 1.0;
  return spec;
}

Result<DataSummary> FileSiteData::summarize(const JobSpec& job, std::string& local_detail) {
  TRIB_TRY(from, source(job));
  return summarize_dataset(from, spec_of(job), job.seed, &local_detail);
}

Result<DatasetDescription> FileSiteData::describe(const JobSpec& job,
                                                  std::string& local_detail) const {
  TRIB_TRY(from, source(job));
  return describe_dataset(from, spec_of(job), job.seed, &local_detail);
}

Result<std::shared_ptr<const SiteExamples>> FileSiteData::examples(const JobSpec& job,
                                                                   const DataPlan& plan,
                                                                   std::string& local_detail) {
  DataSpec spec = spec_of(job);
  if (loaded_ && loaded_spec_ == spec && loaded_plan_ == plan && loaded_seed_ == job.seed)
    return loaded_;
  TRIB_TRY(from, source(job));
  loaded_.reset();
  TRIB_TRY(examples, load_dataset(from, spec, plan, job.seed, &local_detail));
  loaded_ = std::make_shared<const SiteExamples>(std::move(examples));
  loaded_spec_ = std::move(spec);
  loaded_plan_ = plan;
  loaded_seed_ = job.seed;
  return loaded_;
}

}  // namespace tributary

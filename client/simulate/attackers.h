// SPDX-License-Identifier: Apache-2.0
// Attackers: the hostile sites of a federation. They train as all others do, and hold what they
// trained until everyone who was asked in the round has an answer, so that they may know the
// honest updates; then each sends what its attack makes of that. A site always answers, with a
// failure if need be, so nobody waits for ever. Engine's thread only. It does not decide who is
// asked, nor what becomes of the updates.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/simulate/attacks/attack.h"
#include "client/work/site_data.h"
#include "common/domain/task.h"
#include "common/storage/blob_store.h"
#include "common/tensor/layout.h"

namespace tributary {

// The data of a hostile site: the labels that train may be flipped, y -> classes - 1 - y, and it
// may claim more rows than it has. Rows that judge are as they were.
class HostileData final : public SiteData {
 public:
  HostileData(std::unique_ptr<SiteData> data, ChosenAttack chosen)
      : data_(std::move(data)), chosen_(std::move(chosen)) {}
  Result<DataSummary> summarize(const JobSpec& job, std::string& local_detail) override;
  Result<std::shared_ptr<const SiteExamples>> examples(const JobSpec& job, const DataPlan& plan,
                                                       std::string& local_detail) override;

 private:
  std::unique_ptr<SiteData> data_;
  ChosenAttack chosen_;
};

class Attackers {
 public:
  using Deliver = std::function<void(const SiteName&, const TaskResult&)>;
  Attackers(ChosenAttack chosen, std::set<SiteName> sites, JobSpec job, BlobStore& blobs,
            Deliver deliver)
      : chosen_(std::move(chosen)),
        sites_(std::move(sites)),
        job_(std::move(job)),
        blobs_(blobs),
        deliver_(std::move(deliver)) {}

  // A training was given to a site, hostile or not; it comes back with the result.
  void offered(const TaskKey& key) { ++rounds_[key].out; }
  void returned(const SiteName& site, TaskResult result);

 private:
  struct Round {
    std::size_t out = 0;                            // sites without an answer
    std::map<SiteName, std::vector<float>> honest;  // in an order that is not that of arrival
    std::vector<std::pair<SiteName, TaskResult>> held;
  };
  struct First {
    TaskKey key;
    std::vector<float> values;
  };

  Result<Model> read(const BlobRef& update) const;
  Result<TaskResult> forge(const SiteName& site, const TaskResult& trained, const Round& round);

  ChosenAttack chosen_;
  std::set<SiteName> sites_;
  JobSpec job_;
  BlobStore& blobs_;
  Deliver deliver_;
  std::map<TaskKey, Round> rounds_;
  std::map<SiteName, First> first_;  // of each attacker
};

}  // namespace tributary

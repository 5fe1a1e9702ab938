// SPDX-License-Identifier: Apache-2.0
// SecureSums: carries out MakeSum: one SumServer for each group of sites, joined to their links,
// the blobs of their inputs and the arithmetic on the job's strand. Answers with SumMade or
// SumNotMade. Engine thread only. It decides nothing about rounds, and no update passes through it
// in the clear.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/crypto/signing.h"
#include "common/privacy/secagg/sum_server.h"
#include "coordinator/aggregation/parallel.h"
#include "coordinator/round/effects.h"
#include "coordinator/round/events.h"
#include "coordinator/service/group_sum.h"
#include "coordinator/service/model_repository.h"
#include "coordinator/service/site_port.h"
#include "coordinator/service/staging.h"

namespace tributary {

class SecureSums {
 public:
  struct Ports {
    const Clock& clock;
    Staging& blobs;
    ModelRepository& models;
    SitePort& sites;
    std::function<void(const Report&)> report;
    std::function<void(std::function<void()>)> to_engine;
    std::function<void(const JobId&, std::function<void()>)> to_worker;
    ParallelFor parallel;
    // Whose certificates are sites'; asked for each sum. None: there are no secure sums here.
    std::function<Trust()> trust;
    std::function<void(const RoundEvent&)> answer;
  };
  explicit SecureSums(Ports ports) : ports_(std::move(ports)) {}

  void make(const MakeSum& wanted, const JobSpec& spec, const std::string& document);
  // Of a site on its link. Keys may come before the sum is to be made.
  void on_answer(const SiteName& site, const SumAnswer& answer);
  void pass_time();
  // When pass_time() is due at the latest; none: no sum is under way.
  std::optional<TimePoint> next_wake() const;
  void forget(const JobId& job);  // it is over
  // Whether it is an input that is fetched, or not in its sum yet.
  bool uses(const Digest& digest) const;

 private:
  struct Group;
  struct Running;
  struct Performer;

  void close(const JobId& job);
  Status begin(Running& running, const std::string& document);
  void add_group(Running& running, const SumContext& context, const Layout& layout,
                 std::vector<SiteName> sites);
  void perform(const std::shared_ptr<Group>& group, const SumEffects& effects);
  void fetched(const std::shared_ptr<Group>& group, const SiteName& site, const BlobRef& input,
               const Status& outcome);
  void unmask(const std::shared_ptr<Group>& group, const SumUnmask& unmask);
  void made(const std::shared_ptr<Group>& group, Result<GroupSum::MeanUpdate> mean);
  void counted(const std::shared_ptr<Group>& group, Result<EvaluationCounts> counts);
  void end_group(const std::shared_ptr<Group>& group);
  void fail(const JobId& job, const std::string& detail);
  void report(const char* event, const TaskKey& key,
              std::vector<std::pair<std::string, FieldValue>> fields) const;

  Ports ports_;
  std::map<JobId, std::shared_ptr<Running>> running_;
  // Keys of sites for the task that they are ready with, until their sum begins.
  std::map<std::pair<JobId, SiteName>, SumAnswer> early_;
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// VirtualSites: sites inside the process, as the driver's SitePort: tasks run on a bounded pool,
// results come back as the driver's events, those of hostile sites by way of their Attackers. Calls
// on the engine's thread; tasks on the pool.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/data/partition.h"
#include "client/simulate/attackers.h"
#include "client/work/task_runner.h"
#include "common/base/clock.h"
#include "coordinator/service/driver.h"

namespace tributary {

struct VirtualSite {
  SiteName name;
  std::unique_ptr<SiteData> data;
  bool hostile = false;
  bool evaluator = false;  // the root of the job's rule
};

// What the coordinator told a site about its trainings.
struct Verdicts {
  std::map<Reason, std::size_t> count;
  std::map<Reason, std::string> detail;  // of the last
};

// Rows of one dataset shared by many sites: `rows` of its training part, no validation; or, as an
// evaluator, the other way round.
class ShareOfData final : public SiteData {
 public:
  ShareOfData(std::shared_ptr<const SiteExamples> whole, std::vector<std::size_t> rows,
              bool evaluator)
      : whole_(std::move(whole)), rows_(std::move(rows)), evaluator_(evaluator) {}
  Result<DataSummary> summarize(const JobSpec& job, std::string& local_detail) override;
  Result<std::shared_ptr<const SiteExamples>> examples(const JobSpec& job, const DataPlan& plan,
                                                       std::string& local_detail) override;

 private:
  std::shared_ptr<const SiteExamples> whole_;
  std::vector<std::size_t> rows_;
  bool evaluator_;
};

class VirtualSites final : public SitePort {
 public:
  // `folder`: for what sites keep from round to round.
  VirtualSites(boost::asio::io_context& engine, BlobStore& blobs, FileSystem& files,
               std::string folder, std::size_t threads)
      : engine_(engine), blobs_(blobs), files_(files), folder_(std::move(folder)), pool_(threads) {}

  // Before the job. Without an attack hostile sites are as all others.
  void add(VirtualSite site);
  void attack(ChosenAttack chosen, const JobSpec& job);
  void connect_all(Driver& driver, const std::string& dataset);
  void join() { pool_.join(); }

  void send(const SiteName& site, const Message& message) override;
  void fetch(const SiteName& site, const BlobRef& blob, Lodging lodging,
             std::function<void(Status)> done) override;

  const std::map<SiteName, Verdicts>& verdicts() const { return verdicts_; }

 private:
  struct Site {
    std::unique_ptr<SiteData> data;
    std::unique_ptr<TaskRunner> runner;
    bool evaluator = false;
  };

  // Whether attackers see this training: one of their round, and not the root's, which nobody does.
  bool seen(const SiteName& site, const TaskKey& key) const;
  void returned(const SiteName& site, TaskResult result);
  PrivacyLedger new_ledger(const SiteName& site);
  void note(const SiteName& site, const TaskKey& key, Reason reason, const std::string& detail);

  boost::asio::io_context& engine_;
  BlobStore& blobs_;
  FileSystem& files_;
  std::string folder_;
  const SystemClock clock_;  // of ledgers
  boost::asio::thread_pool pool_;
  Driver* driver_ = nullptr;
  std::map<SiteName, Site> sites_;
  std::set<SiteName> hostile_;
  std::optional<Attackers> attackers_;
  std::map<SiteName, Verdicts> verdicts_;
};

}  // namespace tributary

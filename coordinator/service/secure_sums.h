// SPDX-License-Identifier: Apache-2.0
// SecureSums: carries out MakeSum: one SumServer for each group of sites, joined to their links,
// the blobs of their inputs and the arithmetic on the job's strand. Answers with SumMade or
// SumNotMade. A sum whose survivors were named before a crash is gone on with, by the same sites
// and under the task that they know it by, whatever attempt asks for it. Engine thread only. It
// decides nothing about rounds, and no update passes through it in the clear.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/crypto/signing.h"
#include "common/privacy/secagg/sum_server.h"
#include "coordinator/aggregation/parallel.h"
#include "coordinator/round/effects.h"
#include "coordinator/round/events.h"
#include "coordinator/service/group_sum.h"
#include "coordinator/service/kept_sums.h"
#include "coordinator/service/model_repository.h"
#include "coordinator/service/site_port.h"
#include "coordinator/service/staging.h"

namespace tributary {
struct SumUnderWay;  // those that are made (sums_under_way.h)
struct SumsOfTask;
struct SumFound;

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
    const KeptSums* kept = nullptr;  // null: a crash costs an attempt
  };
  explicit SecureSums(Ports ports) : ports_(std::move(ports)) {}

  void make(const MakeSum& wanted, const JobSpec& spec, const std::string& document);
  // Of a site on its link. What it says may come before the sum is to be made.
  void on_answer(const SiteName& site, const SumAnswer& answer);
  void pass_time();
  // When pass_time() is due at the latest; none: no sum is under way.
  std::optional<TimePoint> next_wake() const;
  // The round is committed, and nothing of its sums is asked for any more.
  void committed(const JobId& job);
  void forget(const JobId& job);  // it is over
  // Whether it is an input that is fetched or not in its sum yet, or the kept sum of some.
  bool uses(const Digest& digest) const;

 private:
  using Group = SumUnderWay;
  using Running = SumsOfTask;
  using Found = SumFound;
  struct Performer;
  // What a site said before its sum is under way in this life.
  struct Early {
    std::optional<SumAnswer> keys;  // for the task that it is ready with, or why it gives none
    std::optional<SumAnswer> last;  // in a sum of before
  };

  void close(const JobId& job);
  // --- how sums begin (secure_sums.cc) ---
  Result<std::vector<Found>> load(const JobId& job) const;  // on the strand
  void take_up(const std::shared_ptr<Running>& running, Result<std::vector<Found>> found);
  Status begin(Running& running, const std::vector<Found>& found);
  Status resume(Running& running, const SumContext& context, const Layout& layout,
                const std::vector<Found>& found);
  Status add_groups(Running& running, const SumContext& context, const Layout& layout,
                    std::vector<SiteName> sites);
  std::shared_ptr<Group> new_group(const Running& running, const SumContext& context,
                                   const Layout& layout) const;
  SumServer::Options options(const Running& running, const SumContext& context) const;
  void hear_early(const JobId& job);
  bool hear(const SiteName& site, const SumAnswer& answer);
  void note_early(const SiteName& site, const SumAnswer& answer);
  // --- what is kept ---
  void keep(const std::shared_ptr<Group>& group, const SumSnapshot& snapshot);
  void drop_kept(const JobId& job);
  // --- what they ask for (secure_sums_effects.cc) ---
  void perform(const std::shared_ptr<Group>& group, const SumEffects& effects);
  void fetched(const std::shared_ptr<Group>& group, const SiteName& site, const BlobRef& input,
               const Status& outcome);
  void recover(const std::shared_ptr<Group>& group, const SumRecovery& recovery);
  void unmask(const std::shared_ptr<Group>& group, const SumUnmask& unmask);
  void made(const std::shared_ptr<Group>& group, std::size_t sites,
            Result<GroupSum::MeanUpdate> mean);
  void counted(const std::shared_ptr<Group>& group, Result<EvaluationCounts> counts);
  void end_group(const std::shared_ptr<Group>& group);
  void fail(const JobId& job, const std::string& detail, bool for_good = true);
  void report(const char* event, const TaskKey& key,
              std::vector<std::pair<std::string, FieldValue>> fields) const;

  Ports ports_;
  std::map<JobId, std::shared_ptr<Running>> running_;
  std::map<std::pair<JobId, SiteName>, Early> early_;
  std::map<JobId, std::set<Digest>> kept_blobs_;
};

}  // namespace tributary

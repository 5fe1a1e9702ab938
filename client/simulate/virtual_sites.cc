// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/virtual_sites.h"

#include <boost/asio/post.hpp>

namespace tributary {

Result<DataSummary> ShareOfData::summarize(const JobSpec&, std::string&) {
  DataSummary summary;
  summary.training_rows = evaluator_ ? 0 : rows_.size();
  summary.validation_rows = evaluator_ ? static_cast<std::uint64_t>(whole_->validation.rows) : 0;
  return summary;
}

Result<std::shared_ptr<const SiteExamples>> ShareOfData::examples(const JobSpec&, const DataPlan&,
                                                                  std::string&) {
  auto share = std::make_shared<SiteExamples>();
  // Shapes are needed even where there are no rows.
  share->training = take_rows(whole_->training, rows_);
  if (evaluator_) share->validation = whole_->validation;
  return std::shared_ptr<const SiteExamples>(std::move(share));
}

// Each simulation is a world of its own: what an earlier one spent is no debt of this one's sites.
PrivacyLedger VirtualSites::new_ledger(const SiteName& site) {
  const std::string directory = folder_ + "/" + site.value + "/privacy";
  if (files_.exists(directory)) {
    const auto names = files_.list(directory);
    for (const std::string& name : names ? *names : std::vector<std::string>{})
      static_cast<void>(files_.remove(directory + "/" + name).has_value());
  }
  return PrivacyLedger(files_, clock_, directory);
}

void VirtualSites::add(VirtualSite site) {
  Site& added = sites_[site.name];
  added.data = std::move(site.data);
  added.evaluator = site.evaluator;
  if (site.hostile) hostile_.insert(site.name);
  added.runner = std::make_unique<TaskRunner>(TaskRunner::Ports{
      .site = site.name,
      .data = *added.data,
      .blobs = blobs_,
      .threads = 1,
      .log = [](const char*, EventFields) {},
      .carried = CarriedStore(files_, folder_ + "/" + site.name.value),
      .personal = PersonalModels{files_, folder_ + "/" + site.name.value + "/personal"},
      .ledger = new_ledger(site.name),
      // Whoever simulates runs a module of their own, on a machine of their own.
      .learner = learner_in_process()});
}

void VirtualSites::connect_all(Driver& driver, const std::string& dataset) {
  driver_ = &driver;
  for (const auto& [name, site] : sites_)
    driver.handle(SiteConnected{name, {dataset}, site.evaluator});
}

void VirtualSites::attack(ChosenAttack chosen, const JobSpec& job) {
  attackers_.emplace(std::move(chosen), hostile_, job, blobs_,
                     [this](const SiteName& site, const TaskResult& result) {
                       driver_->handle(SiteReturned{site, result});
                     });
}

void VirtualSites::note(const SiteName& site, const TaskKey& key, Reason reason,
                        const std::string& detail) {
  if (key.kind != TaskKind::kTrain) return;
  Verdicts& its = verdicts_[site];
  ++its.count[reason];
  its.detail[reason] = detail;
}

bool VirtualSites::seen(const SiteName& site, const TaskKey& key) const {
  return attackers_ && key.kind == TaskKind::kTrain && !sites_.at(site).evaluator;
}

void VirtualSites::returned(const SiteName& site, TaskResult result) {
  if (seen(site, result.key)) {
    attackers_->returned(site, std::move(result));
  } else {
    driver_->handle(SiteReturned{site, std::move(result)});
  }
}

void VirtualSites::send(const SiteName& site, const Message& message) {
  if (const auto* verdict = std::get_if<TaskVerdict>(&message))
    note(site, verdict->key, verdict->reason, verdict->detail);
  if (const auto* cancel = std::get_if<TaskCancel>(&message))
    note(site, cancel->key, cancel->reason, "");
  const auto* offer = std::get_if<TaskOffer>(&message);
  if (offer == nullptr) return;
  if (seen(site, offer->task.key)) attackers_->offered(offer->task.key);
  TaskRunner* runner = sites_.at(site).runner.get();
  boost::asio::post(pool_, [this, site, runner, task = offer->task] {
    TaskResult result = runner->run(task, [] { return false; }, {});
    boost::asio::post(engine_,
                      [this, site, result = std::move(result)] { returned(site, result); });
  });
}

// One blob store serves both sides.
void VirtualSites::fetch(const SiteName&, const BlobRef& blob, Lodging,
                         std::function<void(Status)> done) {
  boost::asio::post(engine_, [this, blob, done = std::move(done)] {
    done(blobs_.contains(blob.digest) ? Status{}
                                      : make_error(ErrorCode::kNotFound, "the blob is not there"));
  });
}

}  // namespace tributary

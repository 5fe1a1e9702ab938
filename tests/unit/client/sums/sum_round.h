// SPDX-License-Identifier: Apache-2.0
// A secure sum from its gifts to its end: sites with their files and blobs, against the
// coordinator's side of the protocol, with what the coordinator is given on the way.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/sums/site_sums.h"
#include "common/config/job_file.h"
#include "common/crypto/digest.h"
#include "common/privacy/secagg/input_sum.h"
#include "common/privacy/secagg/sum_plan.h"
#include "common/privacy/secagg/sum_server.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/common/privacy/secagg/toy_notary.h"

namespace tributary {

inline constexpr const char* kSumDocument = R"(name: heart
model: {family: logistic}
data: {dataset: patients, task: binary, features: [age], label: sick, standardize: none}
train: {optimizer: {name: sgd, learning_rate: 0.1}}
rounds: {count: 3, minimum_sites: 3}
privacy: {secure_aggregation: {clip: 4.0}}
aggregate: {example_cap: 100}
)";

struct SumSite {
  TemporaryDirectory folder;
  std::unique_ptr<FileSystem> files = make_file_system(Durability::kNone);
  std::unique_ptr<BlobStore> blobs = *BlobStore::open(*files, folder.path() + "/blobs");
  SumGifts gifts{*files, folder.path() + "/sums"};
  std::optional<SiteSums> sums;
  std::vector<std::string> events;
  std::vector<std::string> told;  // names of fields, in all events
  std::size_t policy = 3;

  void open(const SiteName& name) {
    sums.emplace(SiteSums::Ports{name, gifts, PastSumStore(*files, folder.path() + "/past.json"),
                                 GivenSums(*files, folder.path() + "/given.json"), *blobs,
                                 [this](const char* event, const EventFields& fields) {
                                   events.emplace_back(event);
                                   for (const auto& field : fields) told.push_back(field.first);
                                 },
                                 [name]() -> Result<std::unique_ptr<SumNotary>> {
                                   return std::unique_ptr<SumNotary>(
                                       std::make_unique<ToyNotary>(name.value));
                                 },
                                 [this]() -> Result<std::size_t> { return policy; }});
  }
};

class SumRound {
 protected:
  // `document`: of a job with privacy.secure_aggregation.
  explicit SumRound(const std::string& document) { set_document(document); }
  void set_document(const std::string& document) {
    document_ = document;
    spec_ = parse_job(document, "job")->spec;
  }

  // One more site, which has trained.
  void add_site(std::uint64_t examples, std::vector<float> update) {
    const SiteName name{"site-" + std::to_string(sites_.size())};
    SumSite& site = sites_[name];
    site.open(name);
    SumGift gift;
    gift.key = key_;
    gift.document = document_;
    gift.model = model_;
    gift.least_sites = 3;
    gift.examples = examples;
    gift.train_loss = 0.5;
    numbers_ = update.size();
    gift.update = std::move(update);
    ASSERT_TRUE(site.gifts.keep(gift));
  }
  // The coordinator's side, to its end.
  void run() {
    const SumContext context = sum_context(
        spec_, key_, sha256(as_bytes(std::string_view(document_))), model_, numbers_, clip_);
    std::vector<SiteName> names;
    for (const auto& [name, site] : sites_) names.push_back(name);
    SumServer::Options options;
    options.input_bytes = input_bytes(context.numbers, context.bits, context.wide);
    server_ = std::make_unique<SumServer>(context, names, options, notary_, now_);
    sum_.emplace(context.numbers, context.bits, context.wide);
    for (auto& [name, site] : sites_) {
      for (const SumAnswer& answer : site.sums->begin(key_)) answers_.emplace_back(name, answer);
    }
    if (after_keys_) after_keys_();
    while (!server_->over()) {
      while (!answers_.empty()) {
        const auto [name, answer] = std::move(answers_.front());
        answers_.pop_front();
        // What was said in an earlier sum is for a coordinator that goes on with it.
        if (answer.key == key_) take(server_->handle(now_, name, answer.body));
      }
      if (server_->over()) return;
      now_ = *server_->next_wake();
      take(server_->pass_time(now_));
    }
  }
  // The sum of what these numbers stand for: of a site's input as the coordinator gets it, or of
  // all.
  std::vector<double> told_by(std::span<const std::uint32_t> numbers) const {
    std::vector<double> values(numbers.size());
    const SumCoding coding = sum_coding(spec_, sites_.size());
    decode_numbers(coding.bits, coding.step(), numbers, values);
    return values;
  }

  TaskKey key_{JobId{"heart-1"}, 2, 1, TaskKind::kTrain};
  const Digest model_ = sha256(as_bytes("model"));
  std::string document_;
  JobSpec spec_;
  double clip_ = 0;            // that the coordinator says
  bool loses_inputs_ = false;  // it says so
  std::function<void()> after_keys_;
  std::map<SiteName, SumSite> sites_;
  std::uint64_t numbers_ = 0;                              // of an update
  std::map<SiteName, std::vector<std::uint32_t>> inputs_;  // as the coordinator gets them
  const ToyNotary notary_{"coordinator"};
  TimePoint now_{1'000};
  std::unique_ptr<SumServer> server_;
  std::optional<InputSum> sum_;
  std::optional<SumUnmask> unmask_;
  std::map<SiteName, std::string> left_;
  std::deque<std::pair<SiteName, SumAnswer>> answers_;

 private:
  void take(const SumEffects& effects) {
    for (const SumEffect& effect : effects) {
      if (const auto* send = std::get_if<SumSend>(&effect)) {
        for (const SumAnswer& answer : sites_.at(send->site).sums->handle({key_, send->body}))
          answers_.emplace_back(send->site, answer);
      } else if (const auto* fetch = std::get_if<SumFetch>(&effect)) {
        if (!loses_inputs_) take(server_->input_arrived(now_, fetch->site, fetch->masked.digest));
      } else if (const auto* add = std::get_if<SumAdd>(&effect)) {
        const Bytes input = *sites_.at(add->site).blobs->read(add->masked.digest);
        sum_->add(0, input);
        InputSum alone(numbers_, 32, sum_->wide().size());
        alone.add(0, input);
        inputs_[add->site].assign(alone.numbers().begin(), alone.numbers().end());
      } else if (std::holds_alternative<SumKeep>(effect)) {
        take(server_->kept(now_));
      } else if (const auto* shares = std::get_if<SumRecover>(&effect)) {
        take(server_->recovered(now_, recover_masks(shares->recovery)));
      } else if (const auto* done = std::get_if<SumUnmask>(&effect)) {
        unmask_ = *done;
        sum_->unmask(done->numbers, done->wide, [](std::size_t parts, const auto& part) {
          for (std::size_t i = 0; i < parts; ++i) part(i);
        });
      } else if (const auto* left = std::get_if<SumLeft>(&effect)) {
        left_[left->site] = left->reason;
      }
    }
  }
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// When attackers answer: after everyone else of their round has, whatever the others' answers are.
#include "client/simulate/attackers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/tensor/safetensors.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;

class AttackersOfARound : public testing::Test {
 protected:
  void set_out(const std::string& attack) {
    attackers_.emplace(*parse_attack(attack), std::set<SiteName>{SiteName{"bad"}}, JobSpec{},
                       *blobs_, [this](const SiteName& site, const TaskResult& result) {
                         order_.push_back(site.value);
                         delivered_[site.value] = result;
                       });
  }
  static TaskKey key(RoundNumber round) { return {JobId{"j"}, round, 1, TaskKind::kTrain}; }
  void offer(int sites, RoundNumber round = 1) {
    for (int i = 0; i < sites; ++i) attackers_->offered(key(round));
  }
  void trained(const std::string& site, std::vector<float> values, RoundNumber round = 1) {
    const Bytes file = encode_safetensors({kLayout, std::move(values)});
    const BlobRef update{*blobs_->put(file), file.size()};
    attackers_->returned(SiteName{site}, {key(round), TrainResult{update, 50, 0.5, 1.0, 0.1}});
  }
  void failed(const std::string& site, RoundNumber round = 1) {
    attackers_->returned(SiteName{site}, {key(round), TaskFailure{Reason::kTrainingFailed, "no"}});
  }
  const TrainResult& update_of(const std::string& site) {
    return std::get<TrainResult>(delivered_.at(site).outcome);
  }
  std::vector<float> values_of(const std::string& site) {
    return decode_safetensors(*blobs_->read(update_of(site).update.digest))->values;
  }

  static inline const Layout kLayout{{{"w", {2}}}};
  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> files_ = make_file_system(Durability::kNone);
  std::unique_ptr<BlobStore> blobs_ = *BlobStore::open(*files_, directory_ / "blobs");
  std::optional<Attackers> attackers_;
  std::vector<std::string> order_;
  std::map<std::string, TaskResult> delivered_;
};

TEST_F(AttackersOfARound, WaitForTheHonestAndKnowThem) {
  set_out("{name: ipm, epsilon: 2}");
  offer(3);
  trained("bad", {9.0f, 9.0f});
  EXPECT_TRUE(order_.empty()) << "it knows nothing yet";
  trained("a", {1.0f, 0.0f});
  EXPECT_THAT(order_, ElementsAre("a")) << "an honest site waits for nobody";
  trained("b", {3.0f, 4.0f});
  EXPECT_THAT(order_, ElementsAre("a", "b", "bad"));
  EXPECT_THAT(values_of("bad"), ElementsAre(-4.0f, -4.0f));
  EXPECT_THAT(values_of("a"), ElementsAre(1.0f, 0.0f));
}

TEST_F(AttackersOfARound, AnHonestSiteThatFailsHoldsNobodyUp) {
  set_out("{name: ipm, epsilon: 2}");
  offer(3);
  trained("bad", {9.0f, 9.0f});
  failed("a");
  trained("b", {3.0f, 4.0f});
  EXPECT_THAT(order_, ElementsAre("a", "b", "bad"));
  EXPECT_THAT(values_of("bad"), ElementsAre(-6.0f, -8.0f));
  // None that it could know of: then it goes by its own.
  offer(2, 2);
  failed("a", 2);
  trained("bad", {1.0f, 2.0f}, 2);
  EXPECT_THAT(values_of("bad"), ElementsAre(-2.0f, -4.0f));
  offer(1, 3);
  failed("bad", 3);
  EXPECT_EQ(order_.back(), "bad");
  EXPECT_TRUE(std::holds_alternative<TaskFailure>(delivered_.at("bad").outcome));
}

// In double the sum of these is 0 or 1, by the order.
TEST_F(AttackersOfARound, TheOrderOfArrivalChangesNothing) {
  set_out("{name: ipm, epsilon: 1}");
  const std::map<std::string, float> honest = {{"a", 1e20f}, {"b", 1.0f}, {"c", -1e20f}};
  std::set<std::vector<float>> sent;
  RoundNumber round = 0;
  for (const std::vector<std::string>& order :
       {std::vector<std::string>{"a", "b", "c"}, {"a", "c", "b"}, {"c", "b", "a"}}) {
    offer(4, ++round);
    for (const std::string& site : order) trained(site, {honest.at(site), 0.0f}, round);
    trained("bad", {1.0f, 1.0f}, round);
    sent.insert(values_of("bad"));
  }
  EXPECT_EQ(sent.size(), 1u);
}

TEST_F(AttackersOfARound, RoundsDoNotMix) {
  set_out("{name: ipm, epsilon: 1}");
  offer(2, 1);
  offer(2, 2);
  trained("bad", {9.0f, 9.0f}, 1);
  trained("a", {5.0f, 5.0f}, 2);
  EXPECT_THAT(order_, ElementsAre("a"));
  trained("a", {1.0f, 2.0f}, 1);
  EXPECT_THAT(order_, ElementsAre("a", "a", "bad"));
  EXPECT_THAT(values_of("bad"), ElementsAre(-1.0f, -2.0f));
}

TEST_F(AttackersOfARound, OldUpdatesComeAsNewOrForTheTaskTheyWereMadeFor) {
  for (const auto& [attack, round] : {std::pair<std::string, RoundNumber>{"stale_replay", 2},
                                      {"{name: stale_replay, task: first}", 1}}) {
    set_out(attack);
    offer(1, 1);
    trained("bad", {1.0f, 2.0f}, 1);
    offer(1, 2);
    trained("bad", {7.0f, 7.0f}, 2);
    EXPECT_THAT(values_of("bad"), ElementsAre(1.0f, 2.0f));
    EXPECT_EQ(delivered_.at("bad").key, key(round)) << attack;
  }
}

TEST_F(AttackersOfARound, ClaimsAreInTheUpdateAndInWhatIsToldBefore) {
  set_out("{name: weight_inflation, rows: 12345}");
  offer(1);
  trained("bad", {1.0f, 2.0f});
  EXPECT_EQ(update_of("bad").examples, 12'345u);
  EXPECT_THAT(values_of("bad"), ElementsAre(1.0f, 2.0f));
}

// Three rows of three classes.
class ThreeRows final : public SiteData {
 public:
  Result<DataSummary> summarize(const JobSpec&, std::string&) override {
    DataSummary summary;
    summary.training_rows = 3;
    return summary;
  }
  Result<std::shared_ptr<const SiteExamples>> examples(const JobSpec&, const DataPlan&,
                                                       std::string&) override {
    auto examples = std::make_shared<SiteExamples>();
    examples->training = {{1}, 3, {0.0f, 1.0f, 2.0f}, {0, 1, 2}, {}};
    examples->validation = examples->training;
    return std::shared_ptr<const SiteExamples>(std::move(examples));
  }
};

TEST(DataOfAHostileSite, HasFlippedLabelsWhereItTrainsAndAsManyRowsAsItClaims) {
  JobSpec job;
  job.data.target = TargetKind::kClasses;
  job.data.classes = 3;
  std::string detail;
  HostileData flipped(std::make_unique<ThreeRows>(), *parse_attack("label_flip"));
  const auto examples = *flipped.examples(job, {}, detail);
  EXPECT_THAT(examples->training.labels, ElementsAre(2, 1, 0));
  EXPECT_THAT(examples->validation.labels, ElementsAre(0, 1, 2));
  EXPECT_EQ(flipped.summarize(job, detail)->training_rows, 3u);
  HostileData honest(std::make_unique<ThreeRows>(), *parse_attack("ipm"));
  EXPECT_THAT((*honest.examples(job, {}, detail))->training.labels, ElementsAre(0, 1, 2));
  HostileData inflated(std::make_unique<ThreeRows>(),
                       *parse_attack("{name: weight_inflation, rows: 99}"));
  EXPECT_EQ(inflated.summarize(job, detail)->training_rows, 99u);
}

}  // namespace
}  // namespace tributary

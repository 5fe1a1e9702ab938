// SPDX-License-Identifier: Apache-2.0
// Sites that are hidden in their sums: each adds its part of the noise, and counts what it gave.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "common/privacy/secagg/noisy_input.h"
#include "tests/support/epsilon_by_hand.h"
#include "tests/unit/client/sums/sum_round.h"

namespace tributary {
namespace {

constexpr double kDelta = 1e-5;

class HiddenSitesTest : public SumRound, public testing::Test {
 protected:
  HiddenSitesTest() : SumRound(kSumDocument) {}
  void SetUp() override {
    for (std::size_t i = 0; i < 4; ++i) add_site(10 * (i + 1), {static_cast<float>(i), -1.0F});
  }
  void hide(double multiplier, const std::string& adaptive = "", double max_epsilon = 1e9) {
    const std::string plain = "privacy: {secure_aggregation: {clip: 4.0}}";
    std::string document = kSumDocument;
    document.replace(document.find("minimum_sites: 3"), 16, "minimum_sites: 3, target: 4");
    document.replace(document.find(plain), plain.size(),
                     "privacy: {secure_aggregation: {}, sites: {clip: 2, delta: 1e-5, "
                     "noise_multiplier: " +
                         std::to_string(multiplier) +
                         ", max_epsilon: " + std::to_string(max_epsilon) + adaptive + "}}");
    set_document(document);
    clip_ = 2;
    for (auto& [name, site] : sites_) give(site, {1.0F, -1.0F}, clip_);
  }
  void give(SumSite& site, std::vector<float> update, double clip) {
    SumGift gift = *site.gifts.find({key_.job, 2, 1, TaskKind::kTrain});
    gift.document = document_;
    gift.update = std::move(update);
    gift.clip = clip;
    ASSERT_TRUE(site.gifts.keep(gift));
  }
  // Why a site leaves before it gives its keys; "" if it gives them.
  std::string leaves(SumSite& site) {
    const auto answers = site.sums->begin(key_);  // of an earlier sum, too
    if (answers.empty() || answers.back().key != key_) return "no answer";
    const auto* abort = std::get_if<SumAbort>(&answers.back().body);
    return abort != nullptr ? abort->reason : "";
  }
  void next_attempt() {
    ++key_.attempt;
    unmask_.reset();
    answers_.clear();
    left_.clear();
  }
};

TEST_F(HiddenSitesTest, TheSumIsThatOfTheUpdatesWithNoiseAndNothingElseIsTold) {
  hide(0.05);
  numbers_ = 4'000;
  for (auto& [name, site] : sites_) give(site, std::vector<float>(4'000, 0.01F), clip_);
  run();
  ASSERT_TRUE(unmask_);
  const auto coding = noisy_coding(spec_, 4, 4'000, clip_);
  ASSERT_TRUE(coding) << coding.error().message;
  std::vector<double> decoded(4'000);
  decode_numbers(32, coding->step(), sum_->numbers(), decoded);
  double mean = 0, squares = 0;
  for (const double value : decoded) {
    mean += value / 4'000;
    squares += (value - 0.04) * (value - 0.04) / 4'000;
  }
  // Four sites of four are sure to be honest: no tenth of them is one, and all have to be left. One
  // knows its own noise.
  const double deviation = 0.05 * 2 * std::sqrt(4 / 3.0);
  EXPECT_NEAR(mean, 0.04, 4.5 * deviation / std::sqrt(4'000.0));
  EXPECT_NEAR(squares, deviation * deviation, 0.15 * deviation * deviation);
  for (const std::uint64_t figure : sum_->wide()) EXPECT_EQ(figure, 0u) << "rows, losses, norms";
  for (const auto& [name, site] : sites_) {
    EXPECT_EQ(std::ranges::count(site.told, "clipped") + std::ranges::count(site.told, "saturated"),
              0);
    EXPECT_EQ(std::ranges::count(site.told, "deviation"), 1);
  }
}

TEST_F(HiddenSitesTest, NoiseIsDrawnAnewForEachAttempt) {
  hide(0.05);
  run();
  ASSERT_TRUE(unmask_);
  const std::vector<std::uint32_t> first(sum_->numbers().begin(), sum_->numbers().end());
  next_attempt();
  run();
  ASSERT_TRUE(unmask_);
  EXPECT_NE(first, std::vector<std::uint32_t>(sum_->numbers().begin(), sum_->numbers().end()));
}

TEST_F(HiddenSitesTest, TheCountOfThoseWithinTheClipIsInTheSum) {
  hide(0.05, ", adaptive_clip: {count_noise: 0.5}");
  give(sites_.begin()->second, {30.0F, 30.0F}, clip_);
  run();
  ASSERT_TRUE(unmask_);
  // Three within, one longer: 2, and noise whose deviation is little above 1.
  EXPECT_LE(std::abs(static_cast<double>(static_cast<std::int64_t>(sum_->wide()[0])) - 2), 12);
  std::set<std::int64_t> counts;
  for (int i = 0; i < 16; ++i) {
    next_attempt();
    run();
    ASSERT_TRUE(unmask_);
    counts.insert(static_cast<std::int64_t>(sum_->wide()[0]));
  }
  EXPECT_GT(counts.size(), 1u) << "without noise it would be 2 each time";
}

TEST_F(HiddenSitesTest, AnotherClipThanTheJobsIsRefusedByItsName) {
  hide(1);
  SumSite& site = sites_.begin()->second;
  for (const double clip : {0.0, 1.999, 4.0, -2.0, std::nan(""), HUGE_VAL}) {
    give(site, {1.0F, 1.0F}, clip);
    EXPECT_EQ(leaves(site), "clip_refused") << clip;
  }
  give(site, {1.0F, 1.0F}, 2.0);
  EXPECT_EQ(leaves(site), "");
  next_attempt();
  hide(1, ", adaptive_clip: {count_noise: 4}");
  for (const double clip : {0.0, 1e-10, 2e9, std::nan("")}) {
    give(site, {1.0F, 1.0F}, clip);
    EXPECT_EQ(leaves(site), "clip_refused") << clip;
  }
  give(site, {1.0F, 1.0F}, 0.3);
  EXPECT_EQ(leaves(site), "");
}

// A coordinator that tells one site another clip has no sum with it.
TEST_F(HiddenSitesTest, ASiteThatWasToldAnotherClipIsInNoSumOfTheOthers) {
  hide(1, ", adaptive_clip: {count_noise: 4}");
  give(sites_.begin()->second, {1.0F, 1.0F}, 100);
  run();
  EXPECT_EQ(left_[sites_.begin()->first], "lied");
}

TEST_F(HiddenSitesTest, ASiteGivesToNoMoreSumsThanTheBudgetHasRoomForWhateverCameOfThem) {
  hide(3, "", (epsilon_of_sums(2, 3, kDelta) + epsilon_of_sums(3, 3, kDelta)) / 2);
  run();
  ASSERT_TRUE(unmask_);
  next_attempt();
  loses_inputs_ = true;
  run();
  ASSERT_FALSE(unmask_) << "for all that the sites know it may have the sum";
  next_attempt();
  for (auto& [name, site] : sites_) EXPECT_EQ(leaves(site), "budget_spent");
  // After a restart as well.
  SumSite& site = sites_.begin()->second;
  site.open(sites_.begin()->first);
  EXPECT_EQ(leaves(site), "budget_spent");
  ASSERT_TRUE(site.files->write_durably(site.folder.path() + "/given.json", as_bytes("{")));
  EXPECT_EQ(leaves(site), "site_failed") << "what it cannot read is not nothing";
}

// Short numbers, loud noise and many values: what rounding takes leaves no room for an update.
TEST_F(HiddenSitesTest, WhereNoNoiseFitsASiteLeavesWithoutItsInput) {
  hide(200);
  std::string document = document_;
  const std::string plain = "secure_aggregation: {}";
  set_document(
      document.replace(document.find(plain), plain.size(), "secure_aggregation: {bits: 16}"));
  numbers_ = 4'000;
  for (auto& [name, site] : sites_) give(site, std::vector<float>(4'000, 0.01F), clip_);
  run();
  EXPECT_FALSE(unmask_);
  EXPECT_TRUE(inputs_.empty());
  for (const auto& [name, site] : sites_) EXPECT_EQ(left_[name], "no_noise");
}

}  // namespace
}  // namespace tributary

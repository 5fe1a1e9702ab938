// SPDX-License-Identifier: Apache-2.0
// Sites with their files and blobs, against the coordinator's side of the protocol.
#include "client/sums/site_sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "tests/unit/client/sums/sum_round.h"

namespace tributary {
namespace {

class SiteSumsTest : public SumRound, public testing::Test {
 protected:
  SiteSumsTest() : SumRound(kSumDocument) {}
  void SetUp() override {
    for (std::size_t i = 0; i < 4; ++i) add_site(10 * (i + 1), {static_cast<float>(i), -1.0F});
  }
};

// Against the weighted mean by hand: rows 10, 20, 30, 40 of a cap of 100.
TEST_F(SiteSumsTest, TheSumIsThatOfTheWeightedUpdates) {
  run();
  ASSERT_TRUE(unmask_);
  const SumFigures figures = figures_from(sum_->wide().first(kSumFigures));
  EXPECT_EQ(figures.weight, 100u);
  EXPECT_EQ(figures.examples, 100u);
  EXPECT_EQ(figures.clipped, 0u);
  EXPECT_NEAR(static_cast<double>(figures.loss_units) * kLossUnit, 50.0, 1e-3);
  const std::vector<double> decoded = told_by(sum_->numbers());
  EXPECT_NEAR(decoded[0], (0 * 10 + 1 * 20 + 2 * 30 + 3 * 40) / 100.0, 1e-6);
  EXPECT_NEAR(decoded[1], -1.0, 1e-6);
  const auto& events = sites_.begin()->second.events;
  EXPECT_EQ(events, (std::vector<std::string>{"sum.joined", "sum.input", "sum.revealed"}));
}

// The easy case of gradient inversion: of a linear layer's step on one row, the weights' part by
// the bias' is the row. From what the coordinator is given it gets nothing, from the sum only the
// mean.
TEST_F(SiteSumsTest, APlantedRowIsInTheUpdateAndNotInWhatLeaves) {
  constexpr std::size_t kInputs = 400;
  const double bias = 0.01;
  std::map<SiteName, std::vector<double>> rows;
  SeededRandom random(11);
  for (auto& [name, site] : sites_) {
    SumGift gift = *site.gifts.find(key_);
    gift.update.clear();
    for (std::size_t i = 0; i < kInputs; ++i) {
      rows[name].push_back(random.uniform());
      gift.update.push_back(static_cast<float>(bias * rows[name].back()));
    }
    gift.update.push_back(static_cast<float>(bias));
    ASSERT_TRUE(site.gifts.keep(gift));
  }
  numbers_ = kInputs + 1;
  run();
  ASSERT_TRUE(unmask_);
  const auto error_of = [&](const std::vector<double>& guess, const SiteName& of) {
    double sum = 0;
    for (std::size_t i = 0; i < kInputs; ++i) sum += std::pow(guess[i] - rows.at(of)[i], 2);
    return sum / kInputs;
  };
  const auto inverted = [&](std::span<const std::uint32_t> numbers) {
    const std::vector<double> values = told_by(numbers);
    std::vector<double> guess;
    for (std::size_t i = 0; i < kInputs; ++i)
      guess.push_back(std::clamp(values[i] / values.back(), 0.0, 1.0));
    return guess;
  };
  const double blind = error_of(std::vector<double>(kInputs, 0.5), sites_.begin()->first);
  for (const auto& [name, site] : sites_) {
    const SumGift gift = *site.gifts.find(key_);
    std::vector<double> plain;
    for (std::size_t i = 0; i < kInputs; ++i)
      plain.push_back(static_cast<double>(gift.update[i] / gift.update.back()));
    EXPECT_LT(error_of(plain, name), 1e-9) << "the attack works on a plain update";
    EXPECT_GT(error_of(inverted(inputs_.at(name)), name), 0.9 * blind);
    EXPECT_GT(error_of(inverted(sum_->numbers()), name), 0.2 * blind) << "the mean of four rows";
  }
}

// Each byte of a masked input is as likely as any other: chi-squared with 255 degrees of freedom.
TEST_F(SiteSumsTest, WhatLeavesLooksLikeNoise) {
  for (auto& [name, site] : sites_) {
    SumGift gift = *site.gifts.find(key_);
    gift.update.assign(50'000, 0.125F);
    ASSERT_TRUE(site.gifts.keep(gift));
  }
  numbers_ = 50'000;
  run();
  ASSERT_TRUE(unmask_);
  for (const auto& [name, numbers] : inputs_) {
    std::array<double, 256> counts{};
    for (const std::uint32_t number : numbers) {
      for (int shift = 0; shift < 32; shift += 8) counts[number >> shift & 0xff] += 1;
    }
    const double expected = 4.0 * 50'000 / 256;
    double chi_squared = 0;
    for (const double count : counts) chi_squared += std::pow(count - expected, 2) / expected;
    EXPECT_LT(chi_squared, 400) << "by chance once in a hundred million";
  }
}

TEST_F(SiteSumsTest, APolicyThatWantsMoreSitesLeavesWithTheReason) {
  sites_.begin()->second.policy = 5;
  run();
  EXPECT_EQ(left_[sites_.begin()->first], "roster_too_small");
}

TEST_F(SiteSumsTest, WithoutSomethingToGiveItHasNothingToSay) {
  SumSite& site = sites_.begin()->second;
  EXPECT_TRUE(site.sums->begin({JobId{"other"}, 1, 1, TaskKind::kTrain}).empty());
  EXPECT_TRUE(site.sums->handle({key_, SumAgreements{}}).empty());
  site.sums->committed(key_.job, key_.round);
  EXPECT_TRUE(site.sums->begin(key_).empty());
}

TEST_F(SiteSumsTest, KeysThatNobodyUsedAreTheSameAgain) {
  SumSite& site = sites_.begin()->second;
  const auto first = site.sums->begin(key_);
  EXPECT_EQ(site.sums->begin(key_), first);
  EXPECT_EQ(site.sums->again(), first);
  static_cast<void>(site.sums->handle({key_, SumAgreements{}}));  // asked: they are used up
  EXPECT_NE(site.sums->begin(key_), first);
}

TEST_F(SiteSumsTest, WhatItCannotRememberItDoesNotGive) {
  SumSite& site = sites_.begin()->second;
  ASSERT_TRUE(site.files->write_durably(site.folder.path() + "/past.json", as_bytes("{")));
  const auto answers = site.sums->begin(key_);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<SumAbort>(answers[0].body));
  EXPECT_EQ(site.events, std::vector<std::string>{"sum.aborted"});
}

// A coordinator that crashed asks for another sum, of this attempt or of the next, and may go on
// with the one that has this site's input: until a roster comes for the other one it can.
TEST_F(SiteSumsTest, ASumThatHasItsInputStaysBesideTheNextOne) {
  run();
  ASSERT_TRUE(unmask_);
  for (const AttemptNumber attempt : {1u, 2u}) {
    SCOPED_TRACE(attempt);
    SumSite& site = sites_.at(SiteName{"site-" + std::to_string(attempt)});
    const std::size_t events = site.events.size();
    const std::size_t blobs = site.blobs->list()->size();
    TaskKey next = key_;
    next.attempt = attempt;
    const auto answers = site.sums->begin(next);
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].key, key_);
    const auto* reveal = std::get_if<SumReveal>(&answers[0].body);
    ASSERT_NE(reveal, nullptr) << "first what it said last in the earlier one";
    EXPECT_EQ(answers[1].key, next);
    EXPECT_TRUE(std::holds_alternative<SumKeys>(answers[1].body));
    EXPECT_EQ(site.sums->again(), answers);
    EXPECT_EQ(site.sums->begin(next), answers) << "two of a job, and no more";
    // It goes on: the same shares.
    const auto said = site.sums->handle({key_, SumAgreements{}});
    ASSERT_EQ(said.size(), 1u);
    EXPECT_EQ(std::get<SumReveal>(said[0].body), *reveal);
    EXPECT_EQ(site.events.size(), events) << "it revealed once";
    // It does not: the next one begins.
    static_cast<void>(site.sums->handle({next, SumRoster{}}));
    EXPECT_EQ(site.blobs->list()->size(), blobs - 1) << "the masked input is gone with it";
    EXPECT_TRUE(site.sums->again().empty());
  }
}

// A task of the same name that comes again with another model: its training goes into no sum that
// is said to be about the first one, or two sums on one model could be made of it unseen.
TEST_F(SiteSumsTest, WhatWasTrainedFromAnotherModelIsInNoSumAboutThisOne) {
  const SiteName name{"site-0"};
  SumSite& site = sites_.at(name);
  SumGift other = *site.gifts.find(key_);
  other.model = sha256(as_bytes("another model"));
  const auto keys = site.sums->begin(key_);
  after_keys_ = [&] { ASSERT_TRUE(site.gifts.keep(other)); };
  run();
  EXPECT_EQ(left_[name], "site_failed");
  EXPECT_FALSE(inputs_.contains(name));
  // And keys that nobody has used are about the model of now.
  const auto again = site.sums->begin(key_);
  ASSERT_FALSE(again.empty());
  EXPECT_NE(std::get<SumKeys>(again.back().body).member.about,
            std::get<SumKeys>(keys.back().body).member.about);
}

TEST_F(SiteSumsTest, WithItsRoundTheEarlierSumIsOverToo) {
  run();
  SumSite& site = sites_.begin()->second;
  ASSERT_EQ(site.sums->begin(key_).size(), 2u);
  site.sums->committed(key_.job, key_.round);
  EXPECT_TRUE(site.sums->again().empty());
  EXPECT_TRUE(site.blobs->list()->empty());
  EXPECT_TRUE(site.sums->handle({key_, SumAgreements{}}).empty());
}

}  // namespace
}  // namespace tributary

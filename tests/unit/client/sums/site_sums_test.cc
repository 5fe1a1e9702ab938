// SPDX-License-Identifier: Apache-2.0
// Sites with their files and blobs, against the coordinator's side of the protocol.
#include "client/sums/site_sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>

#include "common/config/job_file.h"
#include "common/crypto/digest.h"
#include "common/privacy/secagg/input_sum.h"
#include "common/privacy/secagg/sum_plan.h"
#include "common/privacy/secagg/sum_server.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/common/privacy/secagg/toy_notary.h"

namespace tributary {
namespace {

constexpr const char* kDocument = R"(name: heart
model: {family: logistic}
data: {dataset: patients, task: binary, features: [age], label: sick, standardize: none}
train: {optimizer: {name: sgd, learning_rate: 0.1}}
rounds: {count: 3, minimum_sites: 3}
privacy: {secure_aggregation: {clip: 4.0}}
aggregate: {example_cap: 100}
)";

struct Site {
  TemporaryDirectory folder;
  std::unique_ptr<FileSystem> files = make_file_system(Durability::kNone);
  std::unique_ptr<BlobStore> blobs = *BlobStore::open(*files, folder.path() + "/blobs");
  SumGifts gifts{*files, folder.path() + "/sums"};
  std::optional<SiteSums> sums;
  std::vector<std::string> events;
  std::size_t policy = 3;

  void open(const SiteName& name) {
    sums.emplace(SiteSums::Ports{
        name, gifts, PastSumStore(*files, folder.path() + "/past.json"), *blobs,
        [this](const char* event, const EventFields&) { events.emplace_back(event); },
        [name]() -> Result<std::unique_ptr<SumNotary>> {
          return std::unique_ptr<SumNotary>(std::make_unique<ToyNotary>(name.value));
        },
        [this]() -> Result<std::size_t> { return policy; }});
  }
};

class SiteSumsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (std::size_t i = 0; i < 4; ++i) {
      const SiteName name{"site-" + std::to_string(i)};
      Site& site = sites_[name];
      site.open(name);
      SumGift gift;
      gift.key = key_;
      gift.document = kDocument;
      gift.model = model_;
      gift.least_sites = 3;
      gift.examples = 10 * (i + 1);
      gift.train_loss = 0.5;
      gift.update = {static_cast<float>(i), -1.0F};
      ASSERT_TRUE(site.gifts.keep(gift));
    }
  }
  // The coordinator's side, to its end.
  void run() {
    const JobSpec spec = parse_job(kDocument, "job")->spec;
    const SumContext context =
        sum_context(spec, key_, sha256(as_bytes(std::string_view(kDocument))), model_, numbers_);
    std::vector<SiteName> names;
    for (const auto& [name, site] : sites_) names.push_back(name);
    SumServer::Options options;
    options.input_bytes = input_bytes(context.numbers, context.bits, context.wide);
    server_ = std::make_unique<SumServer>(context, names, options, notary_, now_);
    sum_.emplace(context.numbers, context.bits, context.wide);
    for (auto& [name, site] : sites_) {
      for (const SumAnswer& answer : site.sums->begin(key_)) answers_.emplace_back(name, answer);
    }
    while (!server_->over()) {
      while (!answers_.empty()) {
        const auto [name, answer] = std::move(answers_.front());
        answers_.pop_front();
        take(server_->handle(now_, name, answer.body));
      }
      if (server_->over()) return;
      now_ = *server_->next_wake();
      take(server_->pass_time(now_));
    }
  }
  void take(const SumEffects& effects) {
    for (const SumEffect& effect : effects) {
      if (const auto* send = std::get_if<SumSend>(&effect)) {
        for (const SumAnswer& answer : sites_.at(send->site).sums->handle({key_, send->body}))
          answers_.emplace_back(send->site, answer);
      } else if (const auto* fetch = std::get_if<SumFetch>(&effect)) {
        take(server_->input_arrived(now_, fetch->site, fetch->masked.digest));
      } else if (const auto* add = std::get_if<SumAdd>(&effect)) {
        const Bytes input = *sites_.at(add->site).blobs->read(add->masked.digest);
        sum_->add(0, input);
        InputSum alone(numbers_, 32, kSumFigures);
        alone.add(0, input);
        inputs_[add->site].assign(alone.numbers().begin(), alone.numbers().end());
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

  const TaskKey key_{JobId{"heart-1"}, 2, 1, TaskKind::kTrain};
  const Digest model_ = sha256(as_bytes("model"));
  std::map<SiteName, Site> sites_;
  std::uint64_t numbers_ = 2;                              // of an update
  std::map<SiteName, std::vector<std::uint32_t>> inputs_;  // as the coordinator gets them
  const ToyNotary notary_{"coordinator"};
  TimePoint now_{1'000};
  std::unique_ptr<SumServer> server_;
  std::optional<InputSum> sum_;
  std::optional<SumUnmask> unmask_;
  std::map<SiteName, std::string> left_;
  std::deque<std::pair<SiteName, SumAnswer>> answers_;
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
  std::vector<double> decoded(2);
  decode_sum(sum_coding(parse_job(kDocument, "job")->spec, 4), sum_->numbers(), decoded);
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
    std::vector<double> values(numbers.size()), guess;
    decode_sum(sum_coding(parse_job(kDocument, "job")->spec, 4), numbers, values);
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
  Site& site = sites_.begin()->second;
  EXPECT_TRUE(site.sums->begin({JobId{"other"}, 1, 1, TaskKind::kTrain}).empty());
  EXPECT_TRUE(site.sums->handle({key_, SumAgreements{}}).empty());
  site.sums->committed(key_.job, key_.round);
  EXPECT_TRUE(site.sums->begin(key_).empty());
}

TEST_F(SiteSumsTest, KeysThatNobodyUsedAreTheSameAgain) {
  Site& site = sites_.begin()->second;
  const auto first = site.sums->begin(key_);
  EXPECT_EQ(site.sums->begin(key_), first);
  EXPECT_EQ(site.sums->again(), first);
  static_cast<void>(site.sums->handle({key_, SumAgreements{}}));  // asked: they are used up
  EXPECT_NE(site.sums->begin(key_), first);
}

TEST_F(SiteSumsTest, WhatItCannotRememberItDoesNotGive) {
  Site& site = sites_.begin()->second;
  ASSERT_TRUE(site.files->write_durably(site.folder.path() + "/past.json", as_bytes("{")));
  const auto answers = site.sums->begin(key_);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<SumAbort>(answers[0].body));
  EXPECT_EQ(site.events, std::vector<std::string>{"sum.aborted"});
}

}  // namespace
}  // namespace tributary

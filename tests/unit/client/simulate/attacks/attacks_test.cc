// SPDX-License-Identifier: Apache-2.0
// Each attack against its paper's definition, computed here another way in double.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "client/simulate/attacks/alie.h"
#include "client/simulate/attacks/attack.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

constexpr std::size_t kValues = 37;

const Attack& attack_named(const std::string& name) {
  const auto found = std::ranges::find_if(
      attack_table(), [&](const Attack* attack) { return attack->schema.name == name; });
  TRIB_ASSERT(found != attack_table().end(), "no such attack");
  return **found;
}

// A round of honest updates around a common direction, and two attackers.
class Attacks : public testing::Test {
 protected:
  void SetUp() override {
    SeededRandom random(7);
    for (std::size_t site = 0; site < 9; ++site) {
      std::vector<float>& update = honest_.emplace_back(kValues);
      for (std::size_t i = 0; i < kValues; ++i) {
        const double common = i % 2 == 0 ? 0.3 : -0.1;
        update[i] = static_cast<float>(common + 0.05 * random.normal());
      }
    }
    own_ = honest_.back();
    own_[0] += 0.5f;
    first_ = honest_.front();
    first_[1] -= 0.25f;
    views_.assign(honest_.begin(), honest_.end());
  }

  SentUpdate forge(const std::string& name, const OptionMap& options = {}) {
    const Attack& attack = attack_named(name);
    const PluginChoice choice = choose({attack.schema}, name, options);
    SentUpdate sent{own_};
    SeededRandom random(11);
    if (attack.forge != nullptr)
      attack.forge({choice.options, own_, first_, views_, attackers_, random}, sent);
    return sent;
  }
  double mean(std::size_t i) const {
    double sum = 0.0;
    for (const auto& update : honest_) sum += static_cast<double>(update[i]);
    return sum / static_cast<double>(honest_.size());
  }
  // By the mean of squares, not by that of deviations.
  double deviation(std::size_t i) const {
    double squares = 0.0;
    for (const auto& update : honest_)
      squares += static_cast<double>(update[i]) * static_cast<double>(update[i]);
    return std::sqrt(squares / static_cast<double>(honest_.size()) - mean(i) * mean(i));
  }
  static double distance(std::span<const float> a, std::span<const float> b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i)
      sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    return std::sqrt(sum);
  }
  double widest_honest() const {
    double widest = 0.0;
    for (const auto& a : honest_) {
      for (const auto& b : honest_) widest = std::max(widest, distance(a, b));
    }
    return widest;
  }

  std::vector<std::vector<float>> honest_;
  std::vector<std::span<const float>> views_;
  std::vector<float> own_, first_;
  std::size_t attackers_ = 2;
};

// What every attack keeps to, with its defaults and with each other value of each option.
TEST_F(Attacks, EachMakesAnUpdateOfTheModelsSizeFromTheSeedAlone) {
  std::set<std::string> names;
  for (const Attack* attack : attack_table()) {
    SCOPED_TRACE(attack->schema.name);
    EXPECT_TRUE(names.insert(attack->schema.name).second);
    EXPECT_FALSE(attack->schema.help.empty() || attack->source.empty());
    const SentUpdate sent = forge(attack->schema.name), again = forge(attack->schema.name);
    EXPECT_EQ(sent.values.size(), kValues);
    EXPECT_TRUE(std::ranges::equal(sent.values, again.values, [](float a, float b) {
      return a == b || (std::isnan(a) && std::isnan(b));
    }));
    EXPECT_TRUE(attack->flips_labels || !std::ranges::equal(sent.values, own_))
        << "it is as an honest site";
  }
}

TEST_F(Attacks, LabelFlipSendsWhatItTrained) {
  EXPECT_TRUE(attack_named("label_flip").flips_labels);
  EXPECT_EQ(forge("label_flip").values, own_);
}

TEST_F(Attacks, SignFlipIsTheScaledOpposite) {
  const SentUpdate sent = forge("sign_flip", {{"scale", 4.0}});
  for (std::size_t i = 0; i < kValues; ++i) EXPECT_EQ(sent.values[i], -4.0f * own_[i]);
}

TEST_F(Attacks, GaussianNoiseHasItsDeviationAndNoMean) {
  own_.assign(100'000, 0.0f);
  const SentUpdate sent = forge("gaussian_noise", {{"deviation", 3.0}});
  double sum = 0.0, squares = 0.0;
  for (const float value : sent.values) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const double count = 100'000.0;
  EXPECT_NEAR(sum / count, 0.0, 5 * 3.0 / std::sqrt(count));
  EXPECT_NEAR(std::sqrt(squares / count), 3.0, 0.05);
}

// n = 50, m = 24 is the paper's: s = 2, and 24 of 26 are below z.
TEST_F(Attacks, AliesZIsTheNormalQuantileOfThePaper) {
  struct Case {
    std::size_t sites, attackers;
    double quantile_of, z;  // z from a table of the normal distribution
  };
  for (const auto& [sites, attackers, quantile_of, z] :
       {Case{50, 24, 24.0 / 26.0, 1.4261}, Case{50, 12, 24.0 / 38.0, 0.3360},
        Case{51, 24, 25.0 / 27.0, 1.4461}, Case{10, 4, 4.0 / 6.0, 0.4307}}) {
    const double got = alie_z(sites, attackers);
    EXPECT_NEAR(got, z, 2e-4) << sites << " " << attackers;
    EXPECT_NEAR(0.5 * (1.0 + std::erf(got / std::sqrt(2.0))), quantile_of, 1e-12);
  }
  EXPECT_EQ(alie_z(10, 1), 0.0) << "more honest sites are needed than half of them";
  EXPECT_GT(alie_z(10, 6), 0.0);
  EXPECT_TRUE(std::isfinite(alie_z(100, 99)));
}

TEST_F(Attacks, AlieStaysZDeviationsBelowTheMean) {
  attackers_ = 6;  // of 15: s = 2, z = quantile of 7 / 9
  const double z = 0.7647;
  const SentUpdate automatic = forge("alie"), fixed = forge("alie", {{"z", 1.5}});
  for (std::size_t i = 0; i < kValues; ++i) {
    EXPECT_NEAR(static_cast<double>(automatic.values[i]), mean(i) - z * deviation(i), 1e-5);
    EXPECT_NEAR(static_cast<double>(fixed.values[i]), mean(i) - 1.5 * deviation(i), 1e-6);
  }
}

TEST_F(Attacks, IpmTurnsTheInnerProductWithTheHonestMean) {
  const SentUpdate sent = forge("ipm", {{"epsilon", 20.0}});
  double product = 0.0;
  for (std::size_t i = 0; i < kValues; ++i) {
    EXPECT_NEAR(static_cast<double>(sent.values[i]), -20.0 * mean(i), 1e-5);
    const double joined = (9.0 * mean(i) + 2.0 * static_cast<double>(sent.values[i])) / 11.0;
    product += joined * mean(i);
  }
  EXPECT_LT(product, 0.0) << "of the mean of all sites and that of the honest ones";
}

// The paper's search: gamma by bisection, so that no honest update is farther from the attacker
// than two of them from each other.
TEST_F(Attacks, MinMaxGoesAsFarAsTheHonestAreFromEachOther) {
  double length = 0.0;
  for (std::size_t i = 0; i < kValues; ++i) length += mean(i) * mean(i);
  length = std::sqrt(length);
  for (const std::string direction : {"deviation", "unit", "sign"}) {
    SCOPED_TRACE(direction);
    const auto perturbed = [&](double gamma) {
      std::vector<float> update(kValues);
      for (std::size_t i = 0; i < kValues; ++i) {
        const double step = direction == "unit"   ? -mean(i) / length
                            : direction == "sign" ? -std::copysign(1.0, mean(i))
                                                  : -deviation(i);
        update[i] = static_cast<float>(mean(i) + gamma * step);
      }
      return update;
    };
    const auto farthest = [&](const std::vector<float>& update) {
      double most = 0.0;
      for (const auto& one : honest_) most = std::max(most, distance(update, one));
      return most;
    };
    double low = 0.0, high = 100.0;
    for (int i = 0; i < 60; ++i) {
      const double middle = (low + high) / 2.0;
      (farthest(perturbed(middle)) <= widest_honest() ? low : high) = middle;
    }
    ASSERT_GT(low, 0.0);
    const SentUpdate sent = forge("min_max", {{"direction", direction}});
    const std::vector<float> expected = perturbed(low);
    for (std::size_t i = 0; i < kValues; ++i) EXPECT_NEAR(sent.values[i], expected[i], 1e-5f);
    EXPECT_NEAR(farthest(sent.values), widest_honest(), 1e-5);
  }
}

TEST_F(Attacks, MinMaxOfEqualUpdatesIsTheirMean) {
  for (auto& update : honest_) update = own_;
  views_.assign(honest_.begin(), honest_.end());
  for (const std::string direction : {"deviation", "unit", "sign"}) {
    const SentUpdate sent = forge("min_max", {{"direction", direction}});
    for (std::size_t i = 0; i < kValues; ++i) EXPECT_NEAR(sent.values[i], own_[i], 1e-6f);
  }
}

TEST_F(Attacks, ModelReplacementMakesTheMeanTheAttackersModel) {
  EXPECT_TRUE(attack_named("model_replacement").flips_labels);
  const SentUpdate sent = forge("model_replacement", {{"eta", 0.5}});
  // The honest have converged: only the two attackers move the model, by eta times the mean.
  for (std::size_t i = 0; i < kValues; ++i)
    EXPECT_NEAR(0.5 * 2.0 * static_cast<double>(sent.values[i]) / 11.0,
                static_cast<double>(own_[i]), 1e-6);
  attackers_ = 1;
  EXPECT_FLOAT_EQ(forge("model_replacement").values[0], 10.0f * own_[0]) << "n / eta";
}

TEST_F(Attacks, NotANumberIsInOnePlace) {
  for (const std::string value : {"nan", "infinity"}) {
    const SentUpdate sent = forge("not_a_number", {{"value", value}});
    EXPECT_EQ(std::ranges::count_if(sent.values, [](float x) { return !std::isfinite(x); }), 1);
    EXPECT_EQ(std::ranges::any_of(sent.values, [](float x) { return std::isnan(x); }),
              value == "nan");
  }
}

TEST_F(Attacks, StaleReplayIsTheFirstUpdateAgain) {
  EXPECT_EQ(forge("stale_replay").values, first_);
  EXPECT_FALSE(forge("stale_replay").under_first_task);
  EXPECT_TRUE(forge("stale_replay", {{"task", std::string("first")}}).under_first_task);
}

TEST_F(Attacks, WeightInflationLiesAboutItsRowsOnly) {
  EXPECT_TRUE(attack_named("weight_inflation").flips_labels);
  EXPECT_EQ(forge("weight_inflation").values, own_);
  for (const Attack* attack : attack_table()) {
    const bool claims = attack->claimed_rows != nullptr;
    EXPECT_EQ(claims, attack->schema.name == "weight_inflation") << attack->schema.name;
    if (!claims) continue;
    EXPECT_EQ(attack->claimed_rows({{"rows", std::int64_t{123'456}}}), 123'456);
  }
}

TEST(ParseAttack, TakesANameOrAMapAndNamesWhatIsWrong) {
  const auto named = parse_attack("alie");
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(named->attack->schema.name, "alie");
  EXPECT_EQ(named->options.at("z"), OptionValue{0.0});
  const auto with_option = parse_attack("{name: min_max, direction: sign}");
  ASSERT_TRUE(with_option) << with_option.error().message;
  EXPECT_EQ(with_option->options.at("direction"), OptionValue{std::string("sign")});
  const auto misspelt = parse_attack("label_flop");
  ASSERT_FALSE(misspelt);
  EXPECT_THAT(misspelt.error().message, testing::HasSubstr("label_flip"));
  const auto beyond = parse_attack("{name: sign_flip, scale: -1}");
  ASSERT_FALSE(beyond);
  EXPECT_THAT(beyond.error().message, testing::HasSubstr("scale"));
}

}  // namespace
}  // namespace tributary

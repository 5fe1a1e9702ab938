// SPDX-License-Identifier: Apache-2.0
// Clients and server together: the sum is that of the survivors' inputs, whoever goes away.
#include <gtest/gtest.h>

#include "sum_world.h"

namespace tributary {
namespace {

void expect_sum(const SumWorld& world, std::size_t survivors) {
  ASSERT_TRUE(world.unmask) << (world.failed ? world.failed->reason + ": " + world.failed->detail
                                             : "neither a sum nor a reason");
  EXPECT_EQ(world.unmask->survivors.size(), survivors);
  EXPECT_EQ(world.sum_numbers, world.plain_numbers());
  EXPECT_EQ(world.sum_wide, world.plain_wide());
}

TEST(SecureSum, OfAllIsTheSumOfTheirInputs) {
  for (const unsigned bits : {16u, 20u, 24u, 32u}) {
    SumWorld world(7, {}, bits);
    world.run();
    expect_sum(world, 7);
    EXPECT_TRUE(world.left.empty());
  }
}

// The masks of pairs cancel in the sum of all inputs, and those of their own still hide it.
TEST(SecureSum, TheInputsAloneGiveNoSum) {
  SumWorld world(6);
  for (auto& [site, member] : world.members) member.deaf_from = {"reveals"};
  world.run();
  ASSERT_TRUE(world.failed);
  std::vector<std::uint32_t> plain(20, 0);
  for (const auto& [site, member] : world.members) {
    for (std::size_t i = 0; i < 20; ++i) plain[i] += member.numbers[i];
  }
  for (std::size_t i = 0; i < 20; ++i) EXPECT_NE(world.sum_numbers[i], plain[i]);
}

class DropoutInPhase : public testing::TestWithParam<const char*> {};

TEST_P(DropoutInPhase, TheSumIsThatOfTheOthers) {
  const std::string phase = GetParam();
  SumWorld world(10, {.adversarial = 0.1, .dropout = 0.2});
  for (const std::size_t i : {2u, 7u}) world.members.at(SumWorld::name_of(i)).deaf_from = {phase};
  world.run();
  // Whose input is whole is in it, however early it goes then.
  expect_sum(world, phase == "agreements" || phase == "reveals" ? 10 : 8);
  EXPECT_EQ(world.left.size(), 2u);
  EXPECT_EQ(world.left[SumWorld::name_of(2)], "late");
}
INSTANTIATE_TEST_SUITE_P(EachPhase, DropoutInPhase,
                         testing::Values("shares", "inputs", "agreements", "reveals"));

TEST(SecureSum, AnInputThatNeverArrivesIsNotInIt) {
  SumWorld world(10);
  world.lost_inputs = {SumWorld::name_of(4)};
  world.run();
  expect_sum(world, 9);
}

TEST(SecureSum, WithoutItsKeysASiteIsInNoRoster) {
  SumWorld world(6);
  world.falsehood = [](const SiteName& by, SumAnswerBody& body) {
    if (by == SumWorld::name_of(1) && std::holds_alternative<SumKeys>(body))
      body = SumAbort{"policy_denied", "not today"};
  };
  world.run();
  expect_sum(world, 5);
  EXPECT_EQ(world.left[SumWorld::name_of(1)], "policy_denied");
}

TEST(SecureSum, MoreDropoutsThanThePlanAllowsEndItAndNothingIsShown) {
  for (const char* phase : {"shares", "inputs"}) {
    SumWorld world(10, {.adversarial = 0.1, .dropout = 0.2});
    for (const std::size_t i : {1u, 2u, 3u})
      world.members.at(SumWorld::name_of(i)).deaf_from = {phase};
    world.run();
    ASSERT_TRUE(world.failed) << phase;
    EXPECT_EQ(world.failed->reason, "survivors_too_few");
    EXPECT_FALSE(world.anybody_revealed());
  }
}

TEST(SecureSum, TooFewAnswersInTheEndAreToldWithTheNumbers) {
  SumWorld world(10);
  for (std::size_t i = 0; i < 4; ++i)
    world.members.at(SumWorld::name_of(i)).deaf_from = {"reveals"};
  world.run();
  ASSERT_TRUE(world.failed);
  EXPECT_EQ(world.failed->reason, "shares_too_few");
  EXPECT_NE(world.failed->detail.find("6 are needed"), std::string::npos) << world.failed->detail;
}

TEST(SecureSum, TwoSitesAreNoCrowd) {
  SumWorld world(2);
  world.run();
  ASSERT_TRUE(world.failed);
  EXPECT_EQ(world.failed->reason, "roster_too_small");
}

// Any few of the sites away at any phase: a sum of those whose inputs are whole, or a reason and no
// share in clear.
TEST(SecureSum, HoldsWhoeverGoesAwayWhenever) {
  const char* const kPhases[] = {"shares", "inputs", "agreements", "reveals"};
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    SumWorld world(
        4 + random.uniform_below(12),
        {.adversarial = 0.1, .dropout = 0.1 * static_cast<double>(random.uniform_below(4))});
    for (auto& [site, member] : world.members) {
      if (random.uniform_below(8) == 0) member.deaf_from = {kPhases[random.uniform_below(4)]};
    }
    world.run();
    if (world.unmask) {
      EXPECT_EQ(world.sum_numbers, world.plain_numbers());
      EXPECT_EQ(world.sum_wide, world.plain_wide());
    } else {
      ASSERT_TRUE(world.failed);
      EXPECT_FALSE(world.failed->detail.empty());
    }
  }
}

TEST(SecureSum, OnASparseGraphToo) {
  SumWorld world(150, {.adversarial = 0.05, .dropout = 0.05});
  for (const std::size_t i : {3u, 50u, 51u, 149u})
    world.members.at(SumWorld::name_of(i)).deaf_from = {i % 2 == 0 ? "inputs" : "shares"};
  world.run();
  expect_sum(world, 146);
}

TEST(SecureSum, AWrongShareIsFoundAndItsSiteIsNamed) {
  SumWorld world(12);
  world.members.at(SumWorld::name_of(5)).deaf_from = {"inputs"};
  world.falsehood = [](const SiteName& by, SumAnswerBody& body) {
    auto* reveal = std::get_if<SumReveal>(&body);
    if (reveal != nullptr && by == SumWorld::name_of(0)) reveal->shares[3].values[2] ^= 1;
  };
  world.run();
  expect_sum(world, 11);
  EXPECT_EQ(world.left[SumWorld::name_of(0)], "lied");
}

TEST(SecureSum, AnAnswerThatIsNoneEndsItsSitesPartAlone) {
  using Change = std::function<void(SumAnswerBody&)>;
  const std::vector<Change> changes = {[](SumAnswerBody& b) {
                                         if (auto* m = std::get_if<SumKeys>(&b))
                                           m->member.site = SiteName{"somebody"};
                                       },
                                       [](SumAnswerBody& b) {
                                         if (auto* m = std::get_if<SumKeys>(&b))
                                           m->member.mask_key[0] ^= std::byte{1};
                                       },
                                       [](SumAnswerBody& b) {
                                         if (auto* m = std::get_if<SumShares>(&b))
                                           m->shares.pop_back();
                                       },
                                       [](SumAnswerBody& b) {
                                         if (auto* m = std::get_if<SumInput>(&b))
                                           m->masked.bytes = 1u << 30;
                                       },
                                       [](SumAnswerBody& b) {
                                         if (auto* m = std::get_if<SumAgreement>(&b))
                                           m->signature[0] ^= std::byte{1};
                                       },
                                       [](SumAnswerBody& b) {
                                         if (auto* m = std::get_if<SumReveal>(&b))
                                           m->shares[0].of_mask_key = true;
                                       },
                                       [](SumAnswerBody& b) {
                                         if (auto* m = std::get_if<SumReveal>(&b))
                                           m->shares[0].values[0] = ~std::uint64_t{0};
                                       }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    SCOPED_TRACE(i);
    SumWorld world(10);
    world.falsehood = [&](const SiteName& by, SumAnswerBody& body) {
      if (by == SumWorld::name_of(6)) changes[i](body);
    };
    world.run();
    ASSERT_TRUE(world.unmask);
    EXPECT_EQ(world.left[SumWorld::name_of(6)], "lied");
    EXPECT_EQ(world.sum_numbers, world.plain_numbers());
  }
}

// A key of low order makes a secret that anybody knows: its site is out, and nobody else fails of
// it.
TEST(SecureSum, AKeyThatIsNoneEndsItsSitesPartAlone) {
  for (const bool of_masks : {false, true}) {
    SumWorld world(6);
    const SiteName liar = SumWorld::name_of(3);
    world.falsehood = [&](const SiteName& by, SumAnswerBody& body) {
      auto* keys = std::get_if<SumKeys>(&body);
      if (keys == nullptr || by != liar) return;
      (of_masks ? keys->member.mask_key : keys->member.share_key) = SumPublicKey{};
      keys->member.signature = *world.members.at(liar).notary->sign(
          kSumKeysPurpose, keys_statement(keys->member.about, keys->member));
    };
    world.run();
    expect_sum(world, 5);
    EXPECT_EQ(world.left[liar], "lied");
  }
}

TEST(SecureSum, ASecondInputOfOneSiteIsALie) {
  SumWorld world(6);
  const SiteName liar = SumWorld::name_of(1);
  world.lost_inputs = {liar};
  world.make_clients();
  world.make_server();
  world.deliver();
  world.send(liar, SumInput{{sha256(as_bytes("another")), SumWorld::kInputBytes}});
  world.go_on();
  expect_sum(world, 5);
  EXPECT_EQ(world.left[liar], "lied");
}

// A link that comes back: everything is told again, and nothing is answered otherwise.
TEST(SecureSum, MessagesThatComeTwiceChangeNothing) {
  SumWorld world(6);
  world.lie = [&world](const SiteName& to, SumRequestBody& body) {
    world.tell(to, body);
    return true;
  };
  world.run();
  expect_sum(world, 6);
  EXPECT_TRUE(world.left.empty());
  for (const auto& [site, member] : world.members) EXPECT_FALSE(member.client->aborted());
}

TEST(SecureSum, WhatWasMissedIsToldAgainOnANewLink) {
  for (const char* phase : {"shares", "inputs", "agreements", "reveals"}) {
    SCOPED_TRACE(phase);
    SumWorld world(5);
    const SiteName away = SumWorld::name_of(2);
    bool lost = false;
    world.lie = [&](const SiteName& to, SumRequestBody&) {
      if (to != away || lost || world.server->phase() != phase) return true;
      lost = true;
      return false;
    };
    world.make_clients();
    world.make_server();
    world.deliver();
    ASSERT_TRUE(lost);
    world.send(away, world.members.at(away).client->keys());
    world.go_on();
    expect_sum(world, 5);
    EXPECT_TRUE(world.left.empty());
  }
}

// A process that died has lost its secrets: it is out, and the others go on.
TEST(SecureSum, ASiteThatComesBackWithOtherKeysIsOut) {
  SumWorld world(6);
  const SiteName again = SumWorld::name_of(2);
  world.lie = [&](const SiteName& to, SumRequestBody&) { return to != again; };
  world.make_clients();
  world.make_server();
  world.deliver();
  SumMemberInWorld& member = world.members.at(again);
  const SumClient reborn =
      *SumClient::make(world.context, again, {}, *member.notary, *member.random);
  world.send(again, reborn.keys());
  world.go_on();
  expect_sum(world, 5);
  EXPECT_EQ(world.left[again], "gone");
}

TEST(SecureSum, WhatASiteHasGivenIsRememberedBeforeItIsKnown) {
  SumWorld world(4);
  world.run();
  const auto& kept = world.remembered[SumWorld::name_of(1)];
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_FALSE(kept[0].survivors);
  EXPECT_EQ(kept[0].sharing.size(), 4u);
  ASSERT_TRUE(kept[1].survivors);
  EXPECT_EQ(kept[1].survivors->size(), 4u);
  EXPECT_EQ(kept[1].model, world.context.model);
}

}  // namespace
}  // namespace tributary

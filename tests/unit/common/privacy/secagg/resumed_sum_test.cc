// SPDX-License-Identifier: Apache-2.0
// The server's process ends, and another one goes on with the sum: the same sites are in it, and no
// site tells shares for two sets.
#include <gtest/gtest.h>

#include <variant>

#include "sum_world.h"

namespace tributary {
namespace {

// Up to the moment from which on it is kept; false: it failed before.
bool run_until_kept(SumWorld& world) {
  world.make_clients();
  world.make_server();
  while (!world.disk && !world.server->over()) {
    if (world.step()) continue;
    world.pass_time();
  }
  return world.disk.has_value();
}

void expect_sum_of(const SumWorld& world, const std::vector<SiteName>& survivors) {
  ASSERT_TRUE(world.unmask) << (world.failed ? world.failed->reason + ": " + world.failed->detail
                                             : "neither a sum nor a reason");
  EXPECT_EQ(world.unmask->survivors, survivors);
  EXPECT_EQ(world.sum_numbers, world.plain_numbers());
  EXPECT_EQ(world.sum_wide, world.plain_wide());
}

// What the sites have said: reveals that differ, or agreements, would be of two sets.
void expect_one_set(const SumWorld& world) {
  for (const auto& [site, member] : world.members) {
    std::optional<SumReveal> reveal;
    std::optional<SumAgreement> agreement;
    for (const SumAnswerBody& body : member.said) {
      if (const auto* one = std::get_if<SumReveal>(&body)) {
        EXPECT_TRUE(!reveal || *reveal == *one) << site.value;
        reveal = *one;
      }
      if (const auto* one = std::get_if<SumAgreement>(&body)) {
        EXPECT_TRUE(!agreement || *agreement == *one) << site.value;
        agreement = *one;
      }
    }
  }
}

SumWorld some_world(std::uint64_t seed) {
  SeededRandom random(seed);
  SumWorld world(5 + random.uniform_below(5), {.adversarial = 0.1, .dropout = 0.2});
  for (auto& [site, member] : world.members) {
    if (random.uniform_below(10) == 0) member.deaf_from = {"inputs"};
  }
  return world;
}

// Kills after each message from then on, for 30 federations of which a site may go with it; each of
// them takes a third of the moments.
TEST(ResumedSum, IsOfTheSameSitesWhereverTheServerDies) {
  int resumed = 0, with_a_death = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    for (int messages = static_cast<int>(seed % 3);; messages += 3) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", after " + std::to_string(messages));
      SumWorld world = some_world(seed);
      if (!run_until_kept(world)) break;
      const std::vector<SiteName> survivors = world.server->survivors();
      for (int i = 0; i < messages && !world.server->over(); ++i) {
        if (!world.step()) world.pass_time();
      }
      if (world.server->over()) break;
      SeededRandom random(seed * 1'000 + static_cast<std::uint64_t>(messages));
      world.begin_anew = random.uniform_below(2) == 0;
      // As many as may go without the threshold's being missed.
      const bool spare = survivors.size() == world.members.size() && survivors.size() > 5;
      if (spare && random.uniform_below(2) == 0) {
        world.dead = {survivors[random.uniform_below(survivors.size())]};
        ++with_a_death;
      }
      world.crash_and_resume();
      world.go_on();
      expect_sum_of(world, survivors);
      expect_one_set(world);
      ++resumed;
    }
  }
  EXPECT_GT(resumed, 150);
  EXPECT_GT(with_a_death, 20);
}

TEST(ResumedSum, MayBeResumedAgainAndAgain) {
  SumWorld world(6);
  ASSERT_TRUE(run_until_kept(world));
  const std::vector<SiteName> survivors = world.server->survivors();
  for (int messages = 0; messages < 12; ++messages) {
    world.crash_and_resume();
    for (int i = 0; i < messages && !world.server->over(); ++i) world.step();
    if (world.server->over()) break;
  }
  world.go_on();
  expect_sum_of(world, survivors);
  expect_one_set(world);
}

// Nobody learns who survives, or what the others signed, before it is kept: otherwise a site might
// have signed, or told shares, where the next life of the coordinator knows nothing of it.
TEST(ResumedSum, NothingLeavesBeforeItIsKept) {
  for (const bool of_agreements : {false, true}) {
    SumWorld world(5);
    world.dies_unkept = !of_agreements;
    world.make_clients();
    world.make_server();
    bool asked = false;
    world.lie = [&](const SiteName&, SumRequestBody& body) {
      const bool after = of_agreements ? std::holds_alternative<SumAgreements>(body)
                                       : std::holds_alternative<SumSurvivors>(body);
      asked = asked || after;
      if (std::holds_alternative<SumSurvivors>(body)) world.dies_unkept = true;
      return true;
    };
    world.deliver();
    EXPECT_FALSE(asked);
    ASSERT_TRUE(world.disk);
    EXPECT_EQ(world.disk->snapshot.agreements.size(), of_agreements ? 5u : 0u);
    EXPECT_FALSE(world.server->next_wake()) << "it waits for the disk, and no time is up";
    world.lie = {};
    world.dies_unkept = false;
    world.crash_and_resume();
    world.go_on();
    expect_sum_of(world, world.server->survivors());
  }
}

// Whose process ended has lost its secrets; the others go on without waiting for it.
TEST(ResumedSum, ASiteThatComesBackWithOtherKeysAloneIsOut) {
  SumWorld world(6);
  ASSERT_TRUE(run_until_kept(world));
  world.deliver_until(
      [](const SumAnswerBody& body) { return std::holds_alternative<SumReveal>(body); });
  const SiteName reborn = SumWorld::name_of(2);
  world.dead = {reborn};
  world.crash_and_resume();
  SumMemberInWorld& member = world.members.at(reborn);
  world.send(reborn,
             (*SumClient::make(world.context, reborn, {}, *member.notary, *member.random)).keys());
  world.deliver();
  EXPECT_EQ(world.left[reborn], "gone");
  expect_sum_of(world, world.server->survivors());
}

TEST(ResumedSum, WithTooFewLeftItFailsWithTheNumbers) {
  SumWorld world(6);
  ASSERT_TRUE(run_until_kept(world));
  for (std::size_t i = 0; i < 3; ++i) world.dead.insert(SumWorld::name_of(i));
  world.crash_and_resume();
  world.go_on();
  ASSERT_TRUE(world.failed);
  EXPECT_EQ(world.failed->reason, "agreements_too_few");
}

// Anything of it that was changed, or belongs to another sum, is no sum that goes on.
TEST(ResumedSum, WhatIsNotWholeIsNotResumed) {
  using Change = std::function<void(SumSnapshot&)>;
  const std::vector<Change> changes = {
      [](SumSnapshot& kept) { kept.roster.pop_back(); },
      [](SumSnapshot& kept) { kept.roster[1].about.bytes[0] ^= std::byte{1}; },
      [](SumSnapshot& kept) { std::swap(kept.roster[0], kept.roster[1]); },
      [](SumSnapshot& kept) { kept.survivors = SumBitmap{std::byte{0x03}}; },
      [](SumSnapshot& kept) { kept.sharing.push_back(std::byte{0}); },
      [](SumSnapshot& kept) { kept.commitments.erase(2); },
      [](SumSnapshot& kept) { kept.inputs.erase(2); },
      [](SumSnapshot& kept) {
        kept.agreements.push_back({99, {}});
      },
      [](SumSnapshot& kept) {
        kept.agreements.push_back({1, {}});
      },
  };
  SumWorld world(6);
  ASSERT_TRUE(run_until_kept(world));
  const ToyNotary judge("coordinator");
  const auto resumed = [&](const SumContext& context, const SumSnapshot& kept) {
    return SumServer::resume(context, kept, {}, judge, TimePoint{1'000});
  };
  ASSERT_TRUE(resumed(world.context, world.disk->snapshot));
  for (std::size_t i = 0; i < changes.size(); ++i) {
    SumSnapshot kept = world.disk->snapshot;
    changes[i](kept);
    const auto server = resumed(world.context, kept);
    ASSERT_FALSE(server) << i;
    EXPECT_FALSE(server.error().message.empty());
  }
  SumContext other = world.context;
  other.model.bytes[0] ^= std::byte{1};
  EXPECT_FALSE(resumed(other, world.disk->snapshot));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// A coordinator that lies, one lie a test: the clients that are lied to leave with its name, and
// none of them has given out a share.
#include <gtest/gtest.h>

#include "common/privacy/secagg/sum_roster.h"
#include "sum_world.h"

namespace tributary {
namespace {

// Plays the coordinator by hand, with honest clients and whatever it tells them.
class EvilCoordinator {
 public:
  explicit EvilCoordinator(std::size_t members, CohortRisks risks = {})
      : world(members, risks), members_(members) {}

  SumClient& client(std::size_t i) { return *world.members.at(SumWorld::name_of(i)).client; }
  std::string abort_of(std::size_t i) const { return world.abort_of(SumWorld::name_of(i)); }
  std::vector<SumMember> roster() {
    std::vector<SumMember> all;
    for (std::size_t i = 0; i < members_; ++i) all.push_back(client(i).keys().member);
    return all;
  }
  SumStep tell(std::size_t i, const SumRequestBody& body) {
    SumStep step = client(i).handle(body);
    for (const SumAnswerBody& said : step.answers)
      world.members.at(SumWorld::name_of(i)).said.push_back(said);
    return step;
  }
  void tell_roster(std::size_t i, const std::vector<SumMember>& roster) {
    for (const SumRoster& part : roster_parts(roster, "")) {
      const SumStep step = tell(i, part);
      if (step.answers.empty()) continue;
      if (const auto* shares = std::get_if<SumShares>(&step.answers[0])) shares_[i] = *shares;
    }
  }
  SumSharesPassed shares_for(std::size_t i, const MemberSet& sharing) const {
    SumSharesPassed passed{sharing.bitmap(), {}};
    for (const std::size_t from : sharing.list()) {
      for (const SealedShares& one : shares_.at(from).shares) {
        if (one.peer == i) passed.shares.push_back({static_cast<std::uint32_t>(from), one.bytes});
      }
    }
    return passed;
  }
  MemberSet all() const { return MemberSet::all(members_); }
  MemberSet all_but(std::initializer_list<std::size_t> out) const {
    MemberSet set = all();
    for (const std::size_t i : out) set.remove(i);
    return set;
  }

  // Honestly, to the end of each step.
  void rosters() {
    world.make_clients();
    const auto honest = roster();
    for (std::size_t i = 0; i < members_; ++i) tell_roster(i, honest);
  }
  void inputs(const MemberSet& sharing) {
    rosters();
    for (const std::size_t i : sharing.list()) {
      ASSERT_TRUE(tell(i, shares_for(i, sharing)).input_due);
      const BlobRef input{sha256(as_bytes("input")), 1};
      ASSERT_FALSE(client(i).give_input(input).answers.empty());
    }
  }
  // What the client says about these two sets.
  std::optional<Bytes> agreement(std::size_t i, const MemberSet& sharing,
                                 const MemberSet& survivors) {
    const SumStep step = tell(i, SumSurvivors{sharing.bitmap(), survivors.bitmap()});
    if (step.answers.empty()) return std::nullopt;
    const auto* agreed = std::get_if<SumAgreement>(&step.answers[0]);
    return agreed == nullptr ? std::nullopt : std::optional(agreed->signature);
  }
  SumAgreements agreements(const std::vector<std::size_t>& of, const MemberSet& sharing,
                           const MemberSet& survivors) {
    SumAgreements all;
    for (const std::size_t i : of) {
      if (auto signature = agreement(i, sharing, survivors))
        all.signatures.push_back({static_cast<std::uint32_t>(i), *signature});
    }
    return all;
  }
  void expect_no_share_given() const { EXPECT_FALSE(world.anybody_revealed()); }

  SumWorld world;

 private:
  std::size_t members_;
  std::map<std::size_t, SumShares> shares_;
};

TEST(EvilCoordinatorTest, SendsOneSiteAnotherModel) {
  EvilCoordinator evil(5);
  SumContext other = evil.world.context;
  other.model = sha256(as_bytes("a model under which the others' gradients vanish"));
  SumMemberInWorld& victim = evil.world.members.at(SumWorld::name_of(2));
  victim.client = std::make_unique<SumClient>(
      *SumClient::make(other, SumWorld::name_of(2), {}, *victim.notary, *victim.random));
  evil.rosters();
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(evil.abort_of(i), "roster_other_sum") << i;
  evil.expect_no_share_given();
}

TEST(EvilCoordinatorTest, PutsKeysOfItsOwnInASitesPlace) {
  EvilCoordinator evil(5);
  evil.world.make_clients();
  auto roster = evil.roster();
  const SecretKey mine = SecretKey::make();
  roster[1].mask_key = agreement_public_key(mine);
  evil.tell_roster(0, roster);
  EXPECT_EQ(evil.abort_of(0), "roster_unsigned");
  evil.tell_roster(1, roster);
  EXPECT_EQ(evil.abort_of(1), "roster_not_mine");
  evil.expect_no_share_given();
}

TEST(EvilCoordinatorTest, InventsSites) {
  EvilCoordinator evil(3);
  evil.world.make_clients();
  auto roster = evil.roster();
  for (std::size_t i = 3; i < 9; ++i) {
    SumMember sybil = roster[0];
    sybil.site = SumWorld::name_of(i);
    sybil.mask_key = agreement_public_key(SecretKey::make());
    sybil.share_key = agreement_public_key(SecretKey::make());
    roster.push_back(sybil);
  }
  evil.tell_roster(0, roster);
  EXPECT_EQ(evil.abort_of(0), "roster_unsigned");
}

TEST(EvilCoordinatorTest, CountsOneSiteTwice) {
  for (const bool renamed : {false, true}) {
    EvilCoordinator evil(4);
    evil.world.make_clients();
    auto roster = evil.roster();
    roster.push_back(roster[3]);
    if (renamed) roster.back().site = SumWorld::name_of(9);  // with the same keys
    evil.tell_roster(0, roster);
    EXPECT_EQ(evil.abort_of(0), "roster_repeats");
  }
}

TEST(EvilCoordinatorTest, LeavesASiteAloneWithItsFriends) {
  EvilCoordinator evil(6);
  for (std::size_t i = 0; i < 6; ++i) evil.world.rules[SumWorld::name_of(i)].least = 5;
  evil.world.make_clients();
  auto roster = evil.roster();
  roster.resize(4);
  evil.tell_roster(0, roster);
  EXPECT_EQ(evil.abort_of(0), "roster_too_small");
}

TEST(EvilCoordinatorTest, TellsTwoRosters) {
  EvilCoordinator evil(6);
  evil.rosters();
  auto other = evil.roster();
  other.pop_back();
  evil.tell_roster(0, other);
  EXPECT_EQ(evil.abort_of(0), "two_rosters");
}

TEST(EvilCoordinatorTest, ReplaysTheRosterOfAnEarlierRound) {
  EvilCoordinator evil(4);
  evil.world.make_clients();
  const auto old = evil.roster();
  EvilCoordinator next(4);
  next.world.context.key.round = 4;
  next.world.make_clients();
  auto replayed = next.roster();
  replayed[1] = old[1];
  replayed[2] = old[2];
  next.tell_roster(0, replayed);
  EXPECT_EQ(next.abort_of(0), "roster_other_sum");
}

TEST(EvilCoordinatorTest, LetsInAKeyThatMakesSecretsAnybodyKnows) {
  EvilCoordinator evil(5);
  evil.world.make_clients();
  auto roster = evil.roster();
  roster[2].mask_key = {};
  roster[2].signature =
      *evil.world.members.at(SumWorld::name_of(2))
           .notary->sign(kSumKeysPurpose, keys_statement(roster[2].about, roster[2]));
  evil.tell_roster(0, roster);
  EXPECT_EQ(evil.abort_of(0), "roster_unsigned");
}

// Both jobs' clients were made before either sum.
TEST(EvilCoordinatorTest, SumsTwoJobsOnOneModelAtTheSameTime) {
  EvilCoordinator first(10), second(10);
  second.world.context.key.job = JobId{"other-2"};
  for (std::size_t i = 0; i < 10; ++i) {
    const SiteName site = SumWorld::name_of(i);
    second.world.rules[site].past = [&first, site] {
      return Result<std::vector<PastSum>>(first.world.remembered[site]);
    };
  }
  second.inputs(second.all());
  first.world.run();
  ASSERT_TRUE(first.world.unmask);
  EXPECT_FALSE(second.agreement(0, second.all(), second.all_but({9})));
  EXPECT_EQ(second.abort_of(0), "model_again");
}

TEST(EvilCoordinatorTest, OpensOrSwapsSealedShares) {
  for (const bool swapped : {false, true}) {
    EvilCoordinator evil(5);
    evil.rosters();
    SumSharesPassed passed = evil.shares_for(0, evil.all());
    if (swapped) {
      std::swap(passed.shares[1].bytes, passed.shares[2].bytes);
    } else {
      passed.shares[1].bytes[7] ^= std::byte{1};
    }
    evil.tell(0, passed);
    EXPECT_EQ(evil.abort_of(0), "share_unreadable");
  }
}

TEST(EvilCoordinatorTest, LetsTooFewShare) {
  EvilCoordinator evil(10);
  evil.rosters();
  MemberSet few(10);
  for (const std::size_t i : {0u, 1u, 2u, 3u}) few.add(i);
  evil.tell(0, evil.shares_for(0, few));
  EXPECT_EQ(evil.abort_of(0), "shares_too_few");
}

TEST(EvilCoordinatorTest, TellsTwoSetsOfWhoShared) {
  EvilCoordinator evil(10);
  evil.rosters();
  EXPECT_TRUE(evil.tell(0, evil.shares_for(0, evil.all())).input_due);
  evil.tell(0, evil.shares_for(0, evil.all_but({4})));
  EXPECT_EQ(evil.abort_of(0), "two_share_sets");
}

TEST(EvilCoordinatorTest, CallsAMemberASurvivorThatSharedNothing) {
  EvilCoordinator evil(10);
  const MemberSet sharing = evil.all_but({9});
  evil.inputs(sharing);
  EXPECT_FALSE(evil.agreement(0, sharing, evil.all()));
  EXPECT_EQ(evil.abort_of(0), "survivors_not_sharing");
  EXPECT_FALSE(evil.agreement(1, evil.all(), evil.all()));
  EXPECT_EQ(evil.abort_of(1), "survivors_not_sharing");
}

TEST(EvilCoordinatorTest, DeclaresALivingSiteDead) {
  EvilCoordinator evil(10);
  evil.inputs(evil.all());
  EXPECT_FALSE(evil.agreement(3, evil.all(), evil.all_but({3})));
  EXPECT_EQ(evil.abort_of(3), "survivors_without_me");
  evil.expect_no_share_given();
}

TEST(EvilCoordinatorTest, ShrinksTheGroup) {
  EvilCoordinator evil(10, {.adversarial = 0.1, .dropout = 0.2});
  evil.inputs(evil.all());
  EXPECT_FALSE(evil.agreement(0, evil.all(), evil.all_but({7, 8, 9})));
  EXPECT_EQ(evil.abort_of(0), "survivors_too_few");
}

TEST(EvilCoordinatorTest, TellsTwoSetsOfSurvivors) {
  EvilCoordinator evil(10);
  evil.inputs(evil.all());
  EXPECT_TRUE(evil.agreement(0, evil.all(), evil.all()));
  EXPECT_FALSE(evil.agreement(0, evil.all(), evil.all_but({9})));
  EXPECT_EQ(evil.abort_of(0), "two_survivor_sets");
}

// Half of the sites hear of one set, half of another: neither has the quorum.
TEST(EvilCoordinatorTest, SplitsTheSurvivorsAndGetsNeitherSum) {
  EvilCoordinator evil(10);
  evil.inputs(evil.all());
  const MemberSet without = evil.all_but({9});
  const SumAgreements one = evil.agreements({0, 1, 2, 3, 4}, evil.all(), evil.all());
  const SumAgreements other = evil.agreements({5, 6, 7, 8}, evil.all(), without);
  evil.tell(0, one);
  EXPECT_EQ(evil.abort_of(0), "agreements_too_few");
  evil.tell(5, other);
  EXPECT_EQ(evil.abort_of(5), "agreements_too_few");
  SumAgreements mixed = one;
  mixed.signatures.insert(mixed.signatures.end(), other.signatures.begin(), other.signatures.end());
  evil.tell(1, mixed);
  EXPECT_EQ(evil.abort_of(1), "agreement_forged");
  evil.expect_no_share_given();
}

TEST(EvilCoordinatorTest, CountsAnAgreementTwice) {
  EvilCoordinator evil(10);
  evil.inputs(evil.all());
  SumAgreements some = evil.agreements({0, 1, 2, 3}, evil.all(), evil.all());
  const auto once = some.signatures;
  some.signatures.insert(some.signatures.end(), once.begin(), once.end());
  evil.tell(0, some);
  EXPECT_EQ(evil.abort_of(0), "agreement_forged");
  evil.expect_no_share_given();
}

// Both secrets of one site would take off its masks and those of its neighbours.
TEST(EvilCoordinatorTest, AsksForBothSharesOfOneSite) {
  EvilCoordinator evil(10);
  evil.inputs(evil.all());
  const SumAgreements all = evil.agreements({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, evil.all(), evil.all());
  const SumStep revealed = evil.tell(0, all);
  ASSERT_EQ(revealed.answers.size(), 1u);
  const auto& shares = std::get<SumReveal>(revealed.answers[0]).shares;
  EXPECT_EQ(shares.size(), 9u);
  for (const auto& one : shares) EXPECT_FALSE(one.of_mask_key);
  // It has answered once; asked about other survivors, it leaves.
  evil.tell(0, SumSurvivors{evil.all().bitmap(), evil.all_but({4}).bitmap()});
  EXPECT_EQ(evil.abort_of(0), "two_survivor_sets");
  EXPECT_EQ(evil.tell(0, all).answers.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<SumAbort>(evil.tell(0, all).answers[0]));
}

// A victim's neighbours in a sparse graph are few among all: a server that chooses who went away
// could leave it with its friends.
TEST(EvilCoordinatorTest, CutsAVictimOffInASparseGraph) {
  const CohortRisks risks{.adversarial = 0.05, .dropout = 0.3};
  EvilCoordinator evil(300, risks);
  evil.world.make_clients();
  const auto roster = evil.roster();
  const SharingPlan plan = *plan_sharing(300, risks);
  ASSERT_FALSE(plan.complete);
  const SharingGraph graph(300, plan, roster_digest(roster));
  MemberSet survivors = MemberSet::all(300);
  const auto neighbours = graph.neighbours(0);
  for (std::size_t i = 0; i < 90 && i < neighbours.size(); ++i) survivors.remove(neighbours[i]);
  const auto fault = graph.fault_of(survivors, risks, 3);
  ASSERT_TRUE(fault);
  EXPECT_EQ(abort_name(fault->reason), "survivors_cut_off") << fault->detail;
}

TEST(EvilCoordinatorTest, RunsARoundAgainWithoutOneSite) {
  EvilCoordinator first(10);
  first.world.run();
  ASSERT_TRUE(first.world.unmask);
  EvilCoordinator again(10);
  again.world.context.key.attempt = 2;
  for (std::size_t i = 0; i < 10; ++i) {
    const SiteName site = SumWorld::name_of(i);
    again.world.rules[site].past = [past = first.world.remembered[site]] {
      return Result<std::vector<PastSum>>(past);
    };
  }
  again.inputs(again.all());
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_FALSE(again.agreement(i, again.all(), again.all_but({9})));
    EXPECT_EQ(again.abort_of(i), "model_again");
  }
  again.expect_no_share_given();
}

TEST(EvilCoordinatorTest, AsksOutOfOrder) {
  const SumBitmap bits = MemberSet::all(5).bitmap();
  EvilCoordinator evil(5);
  evil.world.make_clients();
  evil.tell(0, SumSharesPassed{bits, {}});
  evil.tell(1, SumAgreements{});
  evil.tell(2, SumRoster{5, 2, "", {evil.roster()[0]}});
  EXPECT_EQ(evil.abort_of(0), "out_of_order");
  EXPECT_EQ(evil.abort_of(1), "out_of_order");
  EXPECT_EQ(evil.abort_of(2), "out_of_order");
  evil.rosters();
  evil.tell(3, SumSurvivors{bits, bits});
  EXPECT_EQ(evil.abort_of(3), "out_of_order");
}

TEST(EvilCoordinatorTest, SendsSetsOfAnotherSize) {
  EvilCoordinator evil(10);
  evil.rosters();
  evil.tell(0, SumSharesPassed{Bytes(1, std::byte{0xff}), {}});
  evil.tell(1, SumSharesPassed{Bytes(2, std::byte{0xff}), {}});  // six bits beyond the roster
  evil.tell(2, SumRoster{1u << 30, 0, "", evil.roster()});
  EXPECT_EQ(evil.abort_of(0), "malformed");
  EXPECT_EQ(evil.abort_of(1), "malformed");
  EXPECT_EQ(evil.abort_of(2), "malformed");
}

}  // namespace
}  // namespace tributary

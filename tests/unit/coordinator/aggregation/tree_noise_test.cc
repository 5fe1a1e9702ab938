// SPDX-License-Identifier: Apache-2.0
// Noise of sums over rounds against the definition of the tree: which nodes a prefix of rounds is
// made of is worked out here from intervals, node noises are drawn here one by one, and their sums
// are compared in whole numbers. Seeds are fixed; limits of statistics are five of their standard
// deviations.
#include "coordinator/aggregation/tree_noise.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>
#include <set>

#include "common/crypto/digest.h"
#include "coordinator/aggregation/private_mean.h"
#include "tests/unit/coordinator/aggregation/cohort.h"

namespace tributary {
namespace {

using Steps = std::vector<std::int64_t>;
constexpr double kSigma = 30.0;
constexpr std::size_t kValues = 4'000;

Digest updates_of(RoundNumber round) {
  return sha256(as_bytes("updates " + std::to_string(round)));
}

NoiseTree tree_from(std::uint64_t seed) {
  SeededRandom random(seed);
  return begin_tree(random);
}

Steps drawn(TreeNoise noise, std::size_t values = kValues) {
  const auto gaussian = *make_exact_gaussian(kSigma);
  Steps steps(values);
  noise.draw(*gaussian, 0, steps);
  return steps;
}

// What each round from 1 to `rounds` gets.
std::vector<Steps> noise_of_rounds(std::uint64_t seed, std::uint32_t rounds_per_pass,
                                   RoundNumber rounds) {
  NoiseTree tree = tree_from(seed);
  std::vector<Steps> all;
  for (RoundNumber round = 1; round <= rounds; ++round) {
    TreeStep step = next_step(tree, rounds_per_pass, updates_of(round));
    EXPECT_EQ(step.after.round, round);
    EXPECT_TRUE(fits(step.after, rounds_per_pass));
    all.push_back(drawn(std::move(step.noise)));
    tree = step.after;
  }
  return all;
}

void add(Steps& to, const Steps& more) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += more[i];
}

double dot(const Steps& a, const Steps& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum / (kSigma * kSigma);
}

// The intervals that the rounds 1 to t fall into: the longest power of two that fits, and so on.
std::set<std::pair<RoundNumber, RoundNumber>> intervals_of(RoundNumber t) {
  std::set<std::pair<RoundNumber, RoundNumber>> intervals;
  for (RoundNumber from = 0; from < t;) {
    RoundNumber length = 1;
    while (from + 2 * length <= t) length *= 2;
    intervals.insert({from, from + length});
    from += length;
  }
  return intervals;
}

// The covariances of all pairs of prefixes are those of the intervals that they share.
TEST(TreeNoise, AFewNodesAreInEachPrefixAndPrefixesShareTheirIntervals) {
  constexpr RoundNumber kRounds = 13;
  std::vector<Steps> prefixes;
  Steps sum(kValues);
  for (const Steps& round : noise_of_rounds(1, kRounds, kRounds)) {
    add(sum, round);
    prefixes.push_back(sum);
  }
  for (RoundNumber s = 1; s <= kRounds; ++s) {
    const auto nodes = static_cast<double>(intervals_of(s).size());
    EXPECT_EQ(intervals_of(s).size(), static_cast<std::size_t>(std::popcount(s)));
    EXPECT_NEAR(dot(prefixes[s - 1], prefixes[s - 1]), nodes * kValues,
                5 * nodes * std::sqrt(2.0 * kValues))
        << "prefix of " << s;
    for (RoundNumber t = 1; t < s; ++t) {
      double shared = 0.0;
      for (const auto& interval : intervals_of(s))
        shared += static_cast<double>(intervals_of(t).count(interval));
      EXPECT_NEAR(dot(prefixes[s - 1], prefixes[t - 1]), shared * kValues,
                  5 * std::sqrt(kValues * (nodes * std::popcount(t) + shared * shared)))
          << "prefixes of " << s << " and " << t;
    }
  }
}

// Whole numbers: nothing of a node that ended is left.
TEST(TreeNoise, WhatEndsCancelsExactly) {
  constexpr std::uint32_t kPass = 23;
  NoiseTree tree = tree_from(2);
  const auto gaussian = *make_exact_gaussian(kSigma);
  Steps sum(300), of_pass_before(300);
  for (RoundNumber round = 1; round <= 2 * kPass + 5; ++round) {
    TreeStep step = next_step(tree, kPass, updates_of(round));
    add(sum, drawn(std::move(step.noise), 300));
    tree = step.after;
    if (round % kPass == 0) {
      EXPECT_TRUE(tree.nodes.empty()) << "the noise of a pass that is over stays";
      of_pass_before = sum;
      continue;
    }
    Steps nodes = of_pass_before;
    for (const SecretKey& key : tree.nodes) {
      KeyedRandom random(key);
      for (std::int64_t& value : nodes) value += gaussian->sample(random);
    }
    EXPECT_EQ(sum, nodes) << "after round " << round;
  }
}

TEST(TreeNoise, JobsPassesAndNodesHaveStreamsOfTheirOwn) {
  constexpr std::uint32_t kPass = 4;
  // Whole passes have one node each, odd rounds begin with one.
  std::vector<Steps> streams;
  for (const std::uint64_t seed : {3u, 4u}) {
    const std::vector<Steps> rounds = noise_of_rounds(seed, kPass, 3 * kPass);
    for (std::size_t pass = 0; pass < 3; ++pass) {
      Steps whole(kValues);
      for (std::size_t i = 0; i < kPass; ++i) add(whole, rounds[pass * kPass + i]);
      streams.push_back(whole);
      streams.push_back(rounds[pass * kPass]);
      streams.push_back(rounds[pass * kPass + 2]);
    }
  }
  for (std::size_t a = 0; a < streams.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b)
      EXPECT_LT(std::abs(dot(streams[a], streams[b])), 5 * std::sqrt(1.0 * kValues));
    EXPECT_NEAR(dot(streams[a], streams[a]), kValues, 5 * std::sqrt(2.0 * kValues));
  }
}

// A round that is made again: of the same updates it is the same round. Of others it must have
// other noise, or the two would tell their difference; what ends is the same in both.
TEST(TreeNoise, OtherUpdatesHaveOtherNoise) {
  NoiseTree tree = tree_from(5);
  for (RoundNumber round = 1; round <= 3; ++round)
    tree = next_step(tree, 8, updates_of(round)).after;
  TreeStep first = next_step(tree, 8, updates_of(4));
  TreeStep again = next_step(tree, 8, updates_of(4)), other = next_step(tree, 8, updates_of(40));
  EXPECT_EQ(first.after.nodes, again.after.nodes);
  EXPECT_NE(first.after.nodes, other.after.nodes);
  const Steps one = drawn(std::move(first.noise)), same = drawn(std::move(again.noise));
  EXPECT_EQ(one, same);
  Steps apart = drawn(std::move(other.noise));
  for (std::size_t i = 0; i < apart.size(); ++i) apart[i] -= one[i];
  EXPECT_NEAR(dot(apart, apart), 2 * kValues, 10 * std::sqrt(2.0 * kValues))
      << "two nodes, each with the whole noise, and nothing of those that ended";
}

TEST(TreeNoise, NoEarlierKeyFollowsFromALaterTree) {
  const NoiseTree before = tree_from(6);
  const TreeStep step = next_step(before, 4, updates_of(1));
  EXPECT_FALSE(step.after.seed == before.seed);
  EXPECT_FALSE(step.after.seed == step.after.nodes.at(0));
  EXPECT_FALSE(tree_from(6).seed == tree_from(7).seed);
}

TEST(TreeNoise, ComesInBlocksOfAnySizeAndAgain) {
  NoiseTree tree = tree_from(7);
  for (RoundNumber round = 1; round <= 7; ++round)
    tree = next_step(tree, 16, updates_of(round)).after;
  TreeNoise noise = next_step(tree, 16, updates_of(8)).noise;  // four nodes at once
  const auto gaussian = *make_exact_gaussian(kSigma);
  Steps whole(1'000), parts(1'000);
  noise.draw(*gaussian, 0, whole);
  for (const std::size_t block : {1u, 7u, 333u, 999u}) {
    for (std::size_t at = 0; at < parts.size(); at += block)
      noise.draw(*gaussian, at, std::span(parts).subspan(at, std::min(block, parts.size() - at)));
    EXPECT_EQ(parts, whole) << block;
  }
}

TEST(TreeNoise, ATreeFitsThePassesThatItIsOf) {
  NoiseTree tree = tree_from(8);
  for (RoundNumber round = 1; round <= 3; ++round)
    tree = next_step(tree, 4, updates_of(round)).after;
  EXPECT_TRUE(fits(tree, 4));
  EXPECT_FALSE(fits(tree, 3)) << "two nodes are open, and a pass of three would be over";
}

// The joint update: (sum + the round's noise) / planned, the same bits whenever it is finished.
TEST(TreeNoise, IsThatOfThePrivateMean) {
  const Cohort cohort = Cohort::random(4, kValues, 9);
  SitePrivacy promise;
  promise.mechanism = SiteMechanism::kTree;
  promise.rounds_per_pass = 8;
  const double clip = promise.clip = 0.5, sites = 10.0;
  promise.noise_multiplier = 1.5;
  SeededRandom unused(1);
  auto privacy = *PrivateMean::open(promise, clip, 10, kValues, unused);
  const int scale = privacy->scale();
  AggregationSpec spec;
  spec.server_optimizer.options = {{"learning_rate", 1.0}};
  auto round = *RoundAggregate::open(spec, cohort.layout(), 100, 0, one_after_another, {},
                                     std::move(privacy));
  for (std::size_t site = 0; site < cohort.size(); ++site) ASSERT_TRUE(cohort.add(site, *round));
  NoiseTree tree = tree_from(10);
  tree = next_step(tree, 8, updates_of(1)).after;
  round->use_noise(next_step(tree, 8, updates_of(2)).noise);
  const auto made = [&] {
    const Model base{cohort.layout(), std::vector<float>(kValues, 0.0f)};
    Model next{cohort.layout(), {}};
    ModelSource from(base);
    ModelSink into(next);
    EXPECT_TRUE(round->finish({from, into}));
    return next.values;
  };
  const std::vector<float> first = made();
  EXPECT_EQ(first, made());
  const auto gaussian = *make_exact_gaussian(std::ldexp(promise.noise_multiplier * clip, scale));
  Steps noise(kValues);
  next_step(tree, 8, updates_of(2)).noise.draw(*gaussian, 0, noise);
  Vector expected(kValues, 0.0);
  for (std::size_t site = 0; site < cohort.size(); ++site) {
    const double factor = std::min(1.0, clip / cohort.facts[site].norm);
    for (std::size_t i = 0; i < kValues; ++i)
      expected[i] += factor * static_cast<double>(cohort.updates[site].values[i]) / sites;
  }
  for (std::size_t i = 0; i < kValues; ++i) {
    expected[i] += std::ldexp(static_cast<double>(noise[i]), -scale) / sites;
    EXPECT_NEAR(static_cast<double>(first[i]), expected[i], 1e-6);
  }
}

}  // namespace
}  // namespace tributary

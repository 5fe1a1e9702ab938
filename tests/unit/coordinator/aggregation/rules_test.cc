// SPDX-License-Identifier: Apache-2.0
// Each rule against its definition on random updates: references.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/coordinator/aggregation/cohort.h"
#include "tests/unit/coordinator/aggregation/references.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr double kTight = 1e-11;  // a few roundings in double

OptionMap byzantine(std::size_t f) { return {{"byzantine", static_cast<std::int64_t>(f)}}; }

// Cohorts of several sizes with several numbers of attackers that the rule allows.
void for_cohorts(std::size_t per_byzantine, std::size_t beside,
                 const std::function<void(const Cohort&, std::size_t f)>& check) {
  for (const std::size_t n : {3u, 4u, 7u, 12u, 21u, 40u}) {
    for (const std::size_t f : {0u, 1u, 2u, 5u, 9u}) {
      if (n < per_byzantine * f + beside) continue;
      SCOPED_TRACE(std::to_string(n) + " updates, byzantine " + std::to_string(f));
      check(Cohort::random(n, 211, 100 * n + f), f);
    }
  }
}

TEST(Rules, Median) {
  for (const std::size_t n : {1u, 2u, 3u, 8u, 21u, 70u}) {
    const Cohort cohort = Cohort::random(n, 211, n);
    expect_near(joint_of(cohort, spec_of("median")), reference::median(cohort.vectors()), kTight);
  }
}

TEST(Rules, TrimmedMean) {
  for_cohorts(2, 1, [](const Cohort& cohort, std::size_t f) {
    expect_near(joint_of(cohort, spec_of("trimmed_mean", byzantine(f))),
                reference::trimmed_mean(cohort.vectors(), f), kTight);
  });
}

TEST(Rules, MeanAroundTheMedian) {
  for_cohorts(2, 1, [](const Cohort& cohort, std::size_t f) {
    expect_near(joint_of(cohort, spec_of("meamed", byzantine(f))),
                reference::mean_around_median(cohort.vectors(), cohort.size() - f), kTight);
  });
}

TEST(Rules, Krum) {
  for_cohorts(2, 3, [](const Cohort& cohort, std::size_t f) {
    expect_near(joint_of(cohort, spec_of("krum", byzantine(f))),
                reference::multi_krum(cohort.vectors(), f, 1), 0.0);
  });
}

TEST(Rules, MultiKrum) {
  for_cohorts(2, 3, [](const Cohort& cohort, std::size_t f) {
    expect_near(joint_of(cohort, spec_of("multi_krum", byzantine(f))),
                reference::multi_krum(cohort.vectors(), f, cohort.size() - f), kTight);
    OptionMap two = byzantine(f);
    two["select"] = std::int64_t{2};
    expect_near(joint_of(cohort, spec_of("multi_krum", two)),
                reference::multi_krum(cohort.vectors(), f, 2), kTight);
  });
}

TEST(Rules, Bulyan) {
  for_cohorts(4, 3, [](const Cohort& cohort, std::size_t f) {
    expect_near(joint_of(cohort, spec_of("bulyan", byzantine(f))),
                reference::bulyan(cohort.vectors(), f), kTight);
  });
}

Vector weights_of(const Cohort& cohort) {
  Vector weights;
  for (const UpdateFacts& facts : cohort.facts)
    weights.push_back(static_cast<double>(facts.examples));
  return weights;
}

TEST(Rules, GeometricMedian) {
  for (const std::size_t n : {1u, 2u, 3u, 9u, 30u}) {
    const Cohort cohort = Cohort::random(n, 211, n);
    const OptionMap options = {{"iterations", std::int64_t{20}}, {"smoothing", 1e-3}};
    expect_near(joint_of(cohort, spec_of("geometric_median", options)),
                reference::geometric_median(cohort.vectors(), Vector(n, 1.0), 1e-3, 20), 1e-9);
    OptionMap by_rows = options;
    by_rows["weighted"] = true;
    expect_near(joint_of(cohort, spec_of("geometric_median", by_rows)),
                reference::geometric_median(cohort.vectors(), weights_of(cohort), 1e-3, 20), 1e-9);
  }
}

// No point near it has a smaller sum of distances.
TEST(Rules, TheGeometricMedianIsOne) {
  const Cohort cohort = Cohort::random(11, 50, 5);
  const Vector median = *joint_of(cohort, spec_of("geometric_median"));
  const auto sum_at = [&](const Vector& point) {
    double sum = 0.0;
    for (const Vector& one : cohort.vectors()) sum += reference::distance(one, point);
    return sum;
  };
  SeededRandom random(6);
  for (int trial = 0; trial < 200; ++trial) {
    Vector beside = median;
    for (double& value : beside) value += 1e-3 * random.normal();
    ASSERT_LT(sum_at(median), sum_at(beside));
  }
}

TEST(Rules, CenteredClipping) {
  for (const std::size_t n : {1u, 2u, 9u, 30u}) {
    for (const double radius : {0.5, 10.0, 1000.0}) {
      const Cohort cohort = Cohort::random(n, 211, n);
      expect_near(joint_of(cohort, spec_of("centered_clipping", {{"radius", radius}})),
                  reference::centered_clipping(cohort.vectors(), radius, 3), 1e-10);
    }
  }
}

Vector norms_of(const Cohort& cohort) {
  Vector norms;
  for (const Vector& one : cohort.vectors()) norms.push_back(reference::norm(one));
  return norms;
}

TEST(Rules, CenteredClippingFindsARadius) {
  const Cohort cohort = Cohort::random(8, 211, 4);
  const OptionMap one = {{"iterations", std::int64_t{1}}};
  expect_near(
      joint_of(cohort, spec_of("centered_clipping", one)),
      reference::centered_clipping(cohort.vectors(), reference::middle(norms_of(cohort)), 1),
      1e-10);
}

TEST(Rules, NormClipping) {
  for (const std::size_t n : {1u, 2u, 9u, 30u}) {
    const Cohort cohort = Cohort::random(n, 211, n);
    const double middle = reference::middle(norms_of(cohort));
    expect_near(joint_of(cohort, spec_of("norm_clipping", {{"bound", 3.0}})),
                reference::norm_clipping(cohort.vectors(), weights_of(cohort), 3.0), kTight);
    expect_near(joint_of(cohort, spec_of("norm_clipping", {{"weighted", false}})),
                reference::norm_clipping(cohort.vectors(), Vector(n, 1.0), middle), kTight);
  }
}

TEST(Rules, QFedAvg) {
  for (const std::size_t n : {1u, 2u, 9u, 30u}) {
    const Cohort cohort = Cohort::random(n, 211, n);
    Vector losses;
    for (const UpdateFacts& facts : cohort.facts) losses.push_back(facts.loss);
    for (const double q : {0.0, 0.2, 1.0, 5.0}) {
      const OptionMap options = {{"q", q}, {"learning_rate", 0.1}};
      expect_near(joint_of(cohort, spec_of("qffl", options)),
                  reference::q_fedavg(cohort.vectors(), losses, q, 10.0), kTight);
    }
  }
}

TEST(Rules, QFedAvgOfZeroIsTheMeanAndALossOfNothingDoesNoHarm) {
  Cohort cohort = Cohort::random(5, 20, 1);
  for (UpdateFacts& facts : cohort.facts) facts.loss = 0.0;
  expect_near(joint_of(cohort, spec_of("qffl", {{"q", 0.0}})), reference::mean(cohort.vectors()),
              kTight);
  const auto expect_finite = [](const Vector& joint) {
    for (const double value : joint) EXPECT_TRUE(std::isfinite(value));
  };
  expect_finite(*joint_of(cohort, spec_of("qffl")));
  cohort.facts[2].loss = 1e300;
  expect_finite(*joint_of(cohort, spec_of("qffl", {{"q", 5.0}})));
}

// --- pre-aggregators ---
// --- a root of trust ---
AggregationSpec trusting(std::size_t root) {
  return spec_of("fltrust", {{"root", site_name(root)}});
}

// Updates of all lengths, every third against the others.
Cohort of_all_kinds(std::size_t sites, std::uint64_t seed) {
  Cohort cohort = Cohort::random(sites, 211, seed);
  for (std::size_t s = 0; s < sites; ++s) {
    std::vector<float> values = cohort.updates[s].values;
    const float factor = (s % 3 == 1 ? -0.25f : 1.0f) * static_cast<float>(1u << (s % 7));
    for (float& value : values) value *= factor;
    cohort.replace(s, values);
  }
  return cohort;
}

TEST(Rules, Trust) {
  for (const std::size_t n : {2u, 3u, 8u, 21u, 40u}) {
    const Cohort cohort = of_all_kinds(n, n);
    for (const std::size_t root : {std::size_t{0}, n / 2, n - 1}) {
      SCOPED_TRACE(std::to_string(n) + " updates, the root's is " + std::to_string(root));
      expect_near(joint_of(cohort, trusting(root)), reference::fltrust(cohort.vectors(), root),
                  1e-9);
    }
  }
}

TEST(Rules, TrustIsNotInTheRootsUpdateNorInLengthNorRows) {
  Cohort cohort = Cohort::random(2, 50, 4);
  const double ratio = cohort.facts[0].norm / cohort.facts[1].norm;
  Vector expected = cohort.vectors()[1];
  for (double& value : expected) value *= ratio;
  expect_near(joint_of(cohort, trusting(0)), expected, kTight);
  Cohort other = Cohort::random(6, 50, 4);
  const Vector before = *joint_of(other, trusting(2));
  for (UpdateFacts& facts : other.facts) facts.examples = 1 + facts.examples % 7;
  std::vector<float> longer = other.updates[5].values;
  for (float& value : longer) value *= 4096.0f;  // a power of two: no rounding
  other.replace(5, longer);
  expect_near(joint_of(other, trusting(2)), before, kTight);
}

TEST(Rules, TrustLeavesOutWhatGoesAnotherWay) {
  Cohort cohort = Cohort::random(6, 2, 1);
  const std::vector<std::vector<float>> values = {{2, 0}, {3, 4}, {-1, 7}, {0, 9}, {0, 0}, {-8, 0}};
  for (std::size_t s = 0; s < values.size(); ++s) cohort.replace(s, values[s]);
  // Only the second goes the root's way: its direction, the root's length.
  expect_near(joint_of(cohort, trusting(0)), {1.2, 1.6}, kTight);
}

TEST(Rules, WithoutAnyTrustTheJointUpdateIsZero) {
  Cohort cohort = Cohort::random(3, 2, 1);
  cohort.replace(0, {2.0f, 0.0f});
  cohort.replace(1, {-1.0f, 0.0f});
  cohort.replace(2, {0.0f, 5.0f});
  expect_near(joint_of(cohort, trusting(0)), {0.0, 0.0}, 0.0);
  cohort.replace(0, {0.0f, 0.0f});  // the root has nothing more to learn
  expect_near(joint_of(cohort, trusting(0)), {0.0, 0.0}, 0.0);
  cohort.replace(0, {1e-38f, 1e-38f});  // far below what squares of floats can show
  cohort.replace(1, {3e38f, 0.0f});
  expect_near(joint_of(cohort, trusting(0)), reference::fltrust(cohort.vectors(), 0), 1e-44);
}

constexpr double kMixed = 1e-6;  // rows that a rule sees are floats

TEST(PreAggregators, NearestNeighbourMixing) {
  for_cohorts(2, 3, [](const Cohort& cohort, std::size_t f) {
    const auto mixed = reference::nearest_neighbour_mixing(cohort.vectors(), f);
    const auto joint = [&](const std::string& rule, const OptionMap& options) {
      return joint_of(cohort, spec_of(rule, options, "nearest_neighbour_mixing", byzantine(f)));
    };
    expect_near(joint("median", {}), reference::median(mixed), kMixed);
    expect_near(joint("trimmed_mean", byzantine(f)), reference::trimmed_mean(mixed, f), kMixed);
    expect_near(joint("multi_krum", byzantine(f)),
                reference::multi_krum(mixed, f, cohort.size() - f), 1e-9);
    expect_near(joint("geometric_median", {{"iterations", std::int64_t{5}}}),
                reference::geometric_median(mixed, Vector(cohort.size(), 1.0), 1e-6, 5), 1e-9);
  });
}

// (Of neighbours mixed, Krum has many exact ties.)
TEST(PreAggregators, BulyanOfBuckets) {
  const Cohort cohort = Cohort::random(22, 211, 8);
  std::vector<Vector> shuffled = cohort.vectors(), buckets;
  SeededRandom random(derive_seed(77, "bucketing"));
  random.shuffle(shuffled);
  for (std::size_t i = 0; i < 22; i += 2)
    buckets.push_back(reference::mean({shuffled[i], shuffled[i + 1]}));
  expect_near(joint_of(cohort, spec_of("bulyan", byzantine(2), "bucketing"), 77),
              reference::bulyan(buckets, 2), kMixed);
}

// With buckets of one size, no update is lost or counts twice.
TEST(PreAggregators, BucketsHoldEveryUpdateOnce) {
  const Cohort cohort = Cohort::random(12, 50, 3);
  for (const std::int64_t size : {1, 2, 3, 4, 12}) {
    expect_near(
        joint_of(cohort, spec_of("trimmed_mean", byzantine(0), "bucketing", {{"size", size}})),
        reference::mean(cohort.vectors()), kMixed);
  }
}

// A bucket is the mean of so many updates; which, follows from the seed.
TEST(PreAggregators, KrumOfBucketsIsAMeanOfTwoUpdates) {
  const Cohort cohort = Cohort::random(14, 50, 3);
  const AggregationSpec spec = spec_of("krum", byzantine(1), "bucketing");
  std::set<std::pair<std::size_t, std::size_t>> pairs;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Vector got = *joint_of(cohort, spec, seed);
    EXPECT_EQ(*joint_of(cohort, spec, seed), got);
    for (std::size_t i = 0; i < cohort.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const Vector mean = reference::mean({cohort.vectors()[i], cohort.vectors()[j]});
        if (reference::distance(mean, got) < 1e-9) pairs.insert({i, j});
      }
    }
  }
  EXPECT_GT(pairs.size(), 5u);
}

TEST(PreAggregators, ALastBucketMayBeSmaller) {
  const Cohort cohort = Cohort::random(5, 50, 3);
  // Buckets of four and one: their median is the mean of both.
  const Vector got =
      *joint_of(cohort, spec_of("median", {}, "bucketing", {{"size", std::int64_t{4}}}));
  bool found = false;
  for (std::size_t alone = 0; alone < 5; ++alone) {
    auto four = cohort.vectors();
    four.erase(four.begin() + static_cast<std::ptrdiff_t>(alone));
    const Vector expected = reference::mean({reference::mean(four), cohort.vectors()[alone]});
    found = found || reference::distance(expected, got) < 1e-5;
  }
  EXPECT_TRUE(found);
}

// --- too few ---
TEST(Rules, SayWhichNumbersDoNotGoTogether) {
  const auto error = [](std::size_t n, const AggregationSpec& spec) {
    const auto joint = joint_of(Cohort::random(n, 5, 1), spec);
    EXPECT_EQ(joint.error().code, ErrorCode::kInvalidArgument);
    return joint.error().message;
  };
  EXPECT_EQ(error(6, spec_of("krum", byzantine(2))),
            "krum with byzantine: 2 needs at least 7 updates, and there are 6");
  EXPECT_THAT(error(10, spec_of("bulyan", byzantine(2))), HasSubstr("at least 11 updates"));
  EXPECT_THAT(error(4, spec_of("trimmed_mean", byzantine(2))), HasSubstr("at least 5 updates"));
  EXPECT_THAT(error(4, spec_of("meamed", byzantine(2))), HasSubstr("at least 5 updates"));
  EXPECT_THAT(error(8, spec_of("trimmed_mean", byzantine(2), "bucketing")),
              HasSubstr("at least 5 means of bucketing, and there are 4"));
  EXPECT_THAT(error(4, spec_of("median", {}, "nearest_neighbour_mixing", byzantine(2))),
              HasSubstr("nearest_neighbour_mixing with byzantine: 2 needs at least 5 updates"));
  EXPECT_EQ(error(1, spec_of("fltrust")), "fltrust needs at least 2 updates, and there are 1");
  EXPECT_THAT(error(3, spec_of("fltrust", {{"root", "lab"}})),
              HasSubstr("needs the update of its root, and it is not among these"));
  EXPECT_THAT(error(6, spec_of("fltrust", {}, "bucketing")), HasSubstr("not among these"));
  OptionMap many = byzantine(1);
  many["select"] = std::int64_t{7};
  EXPECT_THAT(error(7, spec_of("multi_krum", many)),
              HasSubstr("cannot select 7 of 7 updates with byzantine: 1; at most 6"));
}

}  // namespace
}  // namespace tributary

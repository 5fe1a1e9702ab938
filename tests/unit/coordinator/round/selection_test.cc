// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/selection.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace tributary {
namespace {

std::vector<SiteName> sites(char last) {
  std::vector<SiteName> names;
  for (char c = 'a'; c <= last; ++c) names.push_back(SiteName{std::string(1, c)});
  return names;
}

// How often each site is chosen over many rounds.
std::map<SiteName, int> drawn(SelectionRule rule, const JobRecord& record, std::size_t count,
                              RoundNumber rounds) {
  std::map<SiteName, int> times;
  for (RoundNumber round = 1; round <= rounds; ++round) {
    for (const SiteName& site : select_cohort(rule, sites('e'), count, {42, round, 1}, record))
      ++times[site];
  }
  return times;
}

TEST(Selection, SizeFollowsThePolicy) {
  RoundPolicy policy;
  policy.minimum_sites = 2;
  policy.fraction = 0.1;
  EXPECT_EQ(cohort_size(policy, 100), 10u);
  EXPECT_EQ(cohort_size(policy, 5), 2u);
  EXPECT_EQ(cohort_size(policy, 1), 1u);
  policy.fraction = 0.3;
  EXPECT_EQ(cohort_size(policy, 10), 3u);
  policy.target = 10;
  policy.over_selection = 1.3;
  EXPECT_EQ(cohort_size(policy, 100), 13u);
  EXPECT_EQ(cohort_size(policy, 12), 12u);
  policy.selection = SelectionRule::kAll;
  EXPECT_EQ(cohort_size(policy, 100), 100u);
}

TEST(Selection, IsUniform) {
  std::map<SiteName, int> times;
  constexpr int kRounds = 20'000;
  for (RoundNumber round = 1; round <= kRounds; ++round) {
    for (const SiteName& site : select_uniform(sites('j'), 3, {42, round, 1})) ++times[site];
  }
  double chi_squared = 0.0;
  for (const SiteName& site : sites('j')) {
    const double expected = kRounds * 0.3;
    chi_squared += (times[site] - expected) * (times[site] - expected) / expected;
  }
  EXPECT_LT(chi_squared, 27.9) << "chi-squared with 9 degrees of freedom, p = 0.001";
}

TEST(Selection, WeightedDrawsInProportionToRows) {
  JobRecord record;
  std::uint64_t rows = 0, all = 0;
  for (const SiteName& site : sites('e')) {
    record.rows[site] = {rows += 100, 0};
    all += rows;
  }
  constexpr int kRounds = 20'000;
  const auto times = drawn(SelectionRule::kWeighted, record, 1, kRounds);
  double chi_squared = 0.0;
  for (const SiteName& site : sites('e')) {
    const double expected =
        kRounds * static_cast<double>(record.rows[site].training) / static_cast<double>(all);
    chi_squared += (times.at(site) - expected) * (times.at(site) - expected) / expected;
  }
  EXPECT_LT(chi_squared, 18.5) << "chi-squared with 4 degrees of freedom, p = 0.001";
}

TEST(Selection, FastDrawsTheFastMoreOftenAndTriesTheUnknown) {
  JobRecord record;
  record.history[SiteName{"a"}].took_ms = {1'000, 900'000, 1'000};  // one outlier does not count
  record.history[SiteName{"b"}].took_ms = {4'000};
  record.history[SiteName{"c"}].took_ms = {4'000};
  record.history[SiteName{"d"}].took_ms = {4'000};
  const auto times = drawn(SelectionRule::kFast, record, 1, 11'000);  // 4 : 1 : 1 : 1 : 4
  EXPECT_NEAR(times.at(SiteName{"a"}), 4'000, 300);
  EXPECT_NEAR(times.at(SiteName{"b"}), 1'000, 200);
  EXPECT_NEAR(times.at(SiteName{"e"}), 4'000, 300);
}

TEST(Selection, TheUnknownCountAsTheFastestAlsoWhereAllAreSlow) {
  JobRecord record;
  for (const char* slow : {"a", "b", "c"}) record.history[SiteName{slow}].took_ms = {400'000};
  const auto times = drawn(SelectionRule::kFast, record, 1, 2'000);
  for (const auto& [site, count] : times) EXPECT_NEAR(count, 400, 80) << site;
}

TEST(Selection, RoundRobinAsksEveryoneEquallyOften) {
  JobRecord record;
  for (RoundNumber round = 1; round <= 20; ++round) {
    const auto cohort =
        select_cohort(SelectionRule::kRoundRobin, sites('e'), 2, {1, round, 1}, record);
    ASSERT_EQ(cohort.size(), 2u);
    for (const SiteName& site : cohort) ++record.history[site].asked;
    for (const SiteName& site : sites('e')) {
      EXPECT_LE(record.history[site].asked, (2 * round + 4) / 5) << round << " " << site;
    }
  }
}

TEST(Selection, IsTheSameForTheSameSeedAndAnotherForEachDraw) {
  const JobRecord record;
  for (const SelectionRule rule : {SelectionRule::kUniform, SelectionRule::kWeighted,
                                   SelectionRule::kFast, SelectionRule::kRoundRobin}) {
    const auto draw = [&](const Draw& how) {
      return select_cohort(rule, sites('z'), 5, how, record);
    };
    const auto first = draw({1, 1, 1});
    EXPECT_EQ(draw({1, 1, 1}), first);
    EXPECT_NE(draw({2, 1, 1}), first);
    EXPECT_NE(draw({1, 2, 1}), first);
    EXPECT_NE(draw({1, 1, 2}), first);
    EXPECT_NE(draw({1, 1, 1, 3}), first);
    EXPECT_TRUE(std::is_sorted(first.begin(), first.end()));
  }
}

TEST(Deadline, FollowsWhatTheSitesTook) {
  RoundPolicy policy;
  policy.deadline_ms = 600'000;
  std::map<SiteName, SiteHistory> history;
  for (const SiteName& site : sites('j')) history[site].took_ms = {1'000};
  history[SiteName{"j"}].took_ms = {400'000};
  EXPECT_EQ(deadline_for(policy, sites('j'), history).count(), 600'000) << "fixed";
  policy.adaptive = AdaptiveDeadline{2.0, 500};
  EXPECT_EQ(deadline_for(policy, sites('j'), history).count(), 2'000) << "the 9th of 10, times 2";
  policy.adaptive->minimum_ms = 30'000;
  EXPECT_EQ(deadline_for(policy, sites('j'), history).count(), 30'000);
  history[SiteName{"i"}].took_ms = {400'000};
  EXPECT_EQ(deadline_for(policy, sites('j'), history).count(), 600'000) << "never above it";
  history.clear();
  history[SiteName{"a"}].took_ms = {1'000};
  EXPECT_EQ(deadline_for(policy, sites('j'), history).count(), 600'000) << "most are unknown";
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// What the figures of the sites are used for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/unit/coordinator/round/federation.h"

namespace tributary::testing {
namespace {

using ::testing::HasSubstr;

TEST(Evaluation, AnAsynchronousJobIsJudgedWhereEveryoneWasAsked) {
  Federation federation(5);
  connect_all(federation, 4);
  JobSpec spec = asynchronous(6, 1);
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  ASSERT_TRUE(federation.saved().best.has_value());
  EXPECT_EQ(federation.saved().best->examples, 20u) << "of all four";
}

TEST(Evaluation, TrainingStopsEarlyWithoutAGain) {
  Federation federation(1);
  connect_all(federation, 2);
  JobSpec spec = Federation::spec(50, 2, 0);
  spec.evaluation.early_stop = EarlyStop{3, 0.02};
  federation.submit(spec);  // the loss of round r is 1 / (r + 1)
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished);
  EXPECT_EQ(federation.saved().round, 13u)
      << "losses of 1/2, 1/3 ... 1/7, 1/9 and 1/11 were gains, the next three were none";
  EXPECT_EQ(federation.saved().best_round, federation.saved().round) << "each was a little better";
  EXPECT_THAT(federation.saved().detail, HasSubstr("stopped early"));
}

TEST(Evaluation, TheWorstSiteCanBeTheJudge) {
  for (const bool worst : {false, true}) {
    Federation federation(1);
    connect_all(federation, 3);
    JobSpec spec = Federation::spec(2, 3, 0);
    spec.evaluation.best_of_worst = worst;
    federation.submit(spec);
    while (federation.saved().round < 1) ASSERT_TRUE(federation.step());
    while (federation.job().record().state == JobState::kEvaluating) federation.step();
    federation.losses[SiteName{"site-c"}] = 0.6;  // it fares worse in round 2, the others better
    ASSERT_TRUE(federation.run());
    EXPECT_EQ(federation.saved().best_round, worst ? 1u : 2u);
    const RoundRow& last = federation.rows().back();
    ASSERT_TRUE(last.spread.has_value());
    EXPECT_EQ(last.spread->worst_site, "site-c");
    EXPECT_NEAR(last.spread->worst, 0.6, 1e-5);
    EXPECT_NEAR(last.spread->mean, (0.6 + 2.0 / 3.0) / 3.0, 1e-5);
    // The record has every figure of all of them, what it is at each site, and its limits.
    ASSERT_EQ(last.figures.figures.size(), 2u);
    const FigureRow& loss = last.figures.figures[0];
    EXPECT_EQ(loss.name, "loss");
    EXPECT_EQ(loss.spread, last.spread);
    ASSERT_TRUE(loss.interval.has_value());
    const double error = (0.6 - 1.0 / 3.0) / 3.0;  // of the mean of 0.6, 1/3 and 1/3
    EXPECT_NEAR(loss.interval->high, loss.value + 4.303 * error, 1e-4);
    EXPECT_EQ(last.figures.figures[1].name, "rmse");
    EXPECT_EQ(last.figures.figures[1].spread->worst_site, "site-c");
    EXPECT_NEAR(last.participants.back().figures.at("rmse"), std::sqrt(0.6), 1e-5);
    const Report finished = federation.reports("evaluation.finished").back();
    EXPECT_TRUE(std::ranges::any_of(finished.fields,
                                    [](const auto& field) { return field.first == "rmse"; }));
  }
}

TEST(Evaluation, EvaluatorsJudgeAndDoNothingElse) {
  Federation federation(1);
  connect_all(federation, 3);
  federation.connect("judge", true);
  JobSpec spec = Federation::spec(2, 3, 0);
  spec.evaluation.by_evaluators = true;
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().last->examples, 5u) << "of the evaluator alone";
  for (const RoundRow& row : federation.rows()) {
    const bool judged = std::ranges::any_of(
        row.participants, [](const auto& one) { return one.site.value == "judge"; });
    EXPECT_EQ(judged, row.task == "evaluate") << row.task;
  }
}

TEST(Evaluation, AFractionEvaluates) {
  Federation federation(1);
  connect_all(federation, 6);
  JobSpec spec = Federation::spec(2, 6, 0);
  spec.evaluation.fraction = 0.5;
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().last->examples, 15u);
}

TEST(Evaluation, ARoundIsJudgedWhereNobodyIsLate) {
  Federation federation(1);
  connect_all(federation, 3);
  JobSpec spec = Federation::spec(2, 2, 2);
  spec.rounds.deadline_ms = 10'000;
  spec.rounds.late = LateResult::kCarry;
  spec.evaluation.early_stop = EarlyStop{1, 10.0};  // stops at the first judgement but one
  federation.losses[SiteName{"site-b"}] = 5.0;
  federation.submit(spec);
  ASSERT_TRUE(federation.begin_training_without("site-b"));
  federation.settle();
  federation.pass(Milliseconds(10'000));  // round 1 closes without it, and is evaluated without it
  ASSERT_TRUE(federation.saved().last.has_value());
  EXPECT_EQ(federation.saved().last->examples, 10u);
  EXPECT_FALSE(federation.saved().best.has_value());
  EXPECT_FALSE(federation.saved().gained_value.has_value());
  federation.catch_up("site-b");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().best_round, 2u) << "whatever round 1 came to without its worst site";
  EXPECT_EQ(federation.saved().best->examples, 15u);
}

TEST(Evaluation, ARestartWaitsForTheEvaluator) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.connect("judge", true);
  JobSpec spec = Federation::spec(1, 2, 0);
  spec.evaluation.by_evaluators = true;
  federation.submit(spec);
  while (federation.job().record().state != JobState::kEvaluating) ASSERT_TRUE(federation.step());
  federation.leave_in_crash("judge");
  federation.crash();
  federation.settle();
  EXPECT_FALSE(federation.job().over());
  EXPECT_TRUE(federation.job().waiting()) << "and says so";
  federation.connect("judge", true);
  ASSERT_TRUE(federation.run());
  ASSERT_TRUE(federation.saved().last.has_value());
  EXPECT_EQ(federation.saved().last->examples, 5u);
}

TEST(Evaluation, WithoutAnyoneToDoItItIsSkippedWithAWarning) {
  Federation federation(1);
  connect_all(federation, 2);
  JobSpec spec = Federation::spec(2, 2, 0);
  spec.evaluation.by_evaluators = true;
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.reports("evaluation.finished").size(), 0u);
  EXPECT_EQ(federation.reports("evaluation.skipped").size(), 2u);
  EXPECT_EQ(federation.rows().back().outcome, "not evaluated");
  federation.submit(spec, "dry", true);
  federation.settle();
  EXPECT_NE(federation.saved("dry").detail.find("no evaluator is on the link"), std::string::npos);
}

}  // namespace
}  // namespace tributary::testing

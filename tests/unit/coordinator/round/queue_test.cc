// SPDX-License-Identifier: Apache-2.0
// Several jobs at once: who runs, who waits, and at which sites.
#include <gtest/gtest.h>

#include "tests/unit/coordinator/round/federation.h"

namespace tributary::testing {
namespace {

TEST(Queue, AHigherPriorityLeavesTheQueueFirst) {
  Federation federation(1);
  connect_all(federation, 2);
  JobSpec spec = Federation::spec(2, 2, 0);
  federation.submit(spec, "demo-1");
  federation.submit(spec, "second");
  spec.priority = 3;
  federation.submit(spec, "urgent");
  ASSERT_TRUE(federation.run());
  federation.settle();
  std::vector<std::string> started;
  for (const Report& report : federation.reports("job.started"))
    started.push_back(std::get<std::string>(report.fields.front().second));
  EXPECT_EQ(started, (std::vector<std::string>{"demo-1", "urgent", "second"}));
}

TEST(Queue, JobsTakeTurnsAtSitesThatTheyShare) {
  Federation federation(3, {.running_jobs_max = 2, .tasks_per_site = 1});
  connect_all(federation, 3);
  JobSpec spec = Federation::spec(10, 3, 0);
  federation.submit(spec, "demo-1");
  federation.submit(spec, "other");
  const auto round = [&](const char* job) { return federation.job(job).record().round; };
  while (federation.step()) {
    std::map<SiteName, int> tasks;
    for (const JobMachine* job : federation.engine().jobs()) {
      for (const SiteName& site : job->working_sites()) ++tasks[site];
    }
    for (const auto& [site, count] : tasks) ASSERT_LE(count, 1) << site;
    ASSERT_LE(std::max(round("demo-1"), round("other")),
              std::min(round("demo-1"), round("other")) + 2)
        << "neither runs away";
  }
  EXPECT_TRUE(federation.job("demo-1").over());
  EXPECT_TRUE(federation.job("other").over());
}

TEST(Queue, ADryRunDoesNotWaitInTheQueue) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.submit(Federation::spec(3, 3, 0), "demo-1");  // waits for a third site
  federation.submit(Federation::spec(3, 2, 0), "dry", true);
  federation.settle();
  EXPECT_EQ(federation.saved("dry").state, JobState::kFinished);
  EXPECT_TRUE(federation.job().waiting());
}

TEST(Queue, AJobThatGivesUpWaitingLetsTheNextOneRun) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.submit(Federation::spec(2, 3, 0), "demo-1");  // waits for a third site in vain
  federation.submit(Federation::spec(2, 2, 0), "second");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFailed);
  EXPECT_EQ(federation.saved("second").state, JobState::kFinished);
}

TEST(Queue, AJobThatIsHopelessLetsTheNextOneRun) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.fail_tasks("site-a", TaskKind::kTrain, Reason::kModelInvalid);
  federation.fail_tasks("site-b", TaskKind::kTrain, Reason::kModelInvalid);
  JobSpec spec = Federation::spec(2, 2, 0);
  federation.submit(spec, "demo-1");
  federation.submit(spec, "second");
  ASSERT_TRUE(federation.run());
  federation.pass(Milliseconds(2'000));  // the pause before its second attempt
  EXPECT_EQ(federation.saved("second").state, JobState::kFailed) << "it had its turn";
}

TEST(Queue, ARestartStartsNothingBeforeWhatRanRunsAgain) {
  Federation federation(1);
  connect_all(federation, 2);
  JobSpec spec = Federation::spec(3, 2, 0);
  federation.submit(spec, "z-runs");
  while (federation.job("z-runs").record().state != JobState::kTraining)
    ASSERT_TRUE(federation.step());
  federation.submit(spec, "a-low");  // recovered first
  spec.priority = 3;
  federation.submit(spec, "b-high");
  federation.crash();
  EXPECT_EQ(federation.saved("a-low").state, JobState::kQueued);
  EXPECT_EQ(federation.saved("b-high").state, JobState::kQueued);
  federation.settle();
  std::vector<std::string> started;
  for (const Report& report : federation.reports("job.started"))
    started.push_back(std::get<std::string>(report.fields.front().second));
  EXPECT_EQ(started, (std::vector<std::string>{"z-runs", "b-high", "a-low"}));
}

TEST(Queue, APausedDryRunWaits) {
  Federation federation(1);
  JobSpec spec = Federation::spec(1, 1, 0);
  JobChanges changes;
  changes.paused = true;
  federation.submit(spec, "dry", true);
  federation.change(changes, "dry");
  EXPECT_TRUE(federation.job("dry").paused());
  federation.connect("site-a");
  federation.settle();
  EXPECT_FALSE(federation.job("dry").over());
}

}  // namespace
}  // namespace tributary::testing

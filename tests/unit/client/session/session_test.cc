// SPDX-License-Identifier: Apache-2.0
// Tasks: offered, waiting, running, finished, kept, answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/limits.h"
#include "tests/unit/client/session/harness.h"

namespace tributary::session {
namespace {

using testing::Contains;
using testing::ElementsAre;

const Error kGone = make_error(ErrorCode::kUnavailable, "connection reset");

TEST(Session, StartsAPrepareTaskAtOnce) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kPrepare);
  h.offer(task);
  EXPECT_EQ(h.sent<TaskAccepted>().size(), 1u);
  ASSERT_EQ(h.count<StartTask>(), 1u);
  EXPECT_EQ(h.all<StartTask>()[0].task, task);
}

TEST(Session, StartsOnlyWhenEveryBlobIsHere) {
  Harness h;
  h.connect();
  Task task = make_task(TaskKind::kTrain, 1);
  task.model_file = {digest_of(77), 5};
  h.offer(task);
  ASSERT_EQ(h.count<FetchBlob>(), 2u);
  EXPECT_EQ(h.count<StartTask>(), 0u);
  h.handle(BlobArrived{task.model.digest});
  EXPECT_EQ(h.count<StartTask>(), 0u);
  h.handle(BlobArrived{task.model_file.digest});
  EXPECT_EQ(h.count<StartTask>(), 1u);
}

TEST(Session, JournalsAResultBeforeItIsSent) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kTrain, 1);
  h.run(task, trained(task));
  const auto kept = std::ranges::find_if(
      h.last, [](const auto& e) { return std::holds_alternative<KeepResult>(e); });
  const auto sent =
      std::ranges::find_if(h.last, [](const auto& e) { return std::holds_alternative<Send>(e); });
  ASSERT_NE(kept, h.last.end());
  ASSERT_NE(sent, h.last.end());
  EXPECT_LT(kept - h.last.begin(), sent - h.last.begin());
}

TEST(Session, OffersAnUnansweredResultAfterEachReconnect) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kTrain, 1);
  h.run(task, trained(task));
  for (int i = 0; i < 3; ++i) {
    h.handle(Disconnected{kGone});
    h.connect();
    ASSERT_EQ(h.sent<TaskResult>().size(), 1u) << i;
    EXPECT_EQ(h.sent<TaskResult>()[0], trained(task));
  }
  h.receive(TaskVerdict{task.key, Reason::kAccepted, ""});
  EXPECT_EQ(h.count<ForgetResult>(), 0u) << "kept until the round is committed";
  h.handle(Disconnected{kGone});
  h.connect();
  EXPECT_TRUE(h.sent<TaskResult>().empty());
}

TEST(Session, ARestartedCoordinatorGetsTheKeptResultWithoutNewTraining) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kTrain, 1);
  h.run(task, trained(task));
  h.receive(TaskVerdict{task.key, Reason::kAccepted, ""});
  h.handle(Disconnected{kGone});
  h.connect();
  h.offer(task);
  EXPECT_EQ(h.sent<TaskResult>().size(), 1u);
  EXPECT_EQ(h.count<StartTask>() + h.count<FetchBlob>(), 0u);
}

// Both start from the same model.
TEST(Session, AnotherAttemptGetsWhatWasTrainedForTheOneBefore) {
  Harness h;
  h.connect();
  const Task first = make_task(TaskKind::kTrain, 1);
  h.run(first, trained(first));
  const Task second = make_task(TaskKind::kTrain, 1, "heart-1", 2);
  h.offer(second);
  EXPECT_EQ(h.count<KeepResult>(), 1u);
  EXPECT_EQ(h.count<ForgetResult>(), 1u);
  ASSERT_EQ(h.sent<TaskResult>().size(), 1u);
  EXPECT_EQ(h.sent<TaskResult>()[0].key, second.key);
  EXPECT_EQ(h.sent<TaskResult>()[0].outcome, trained(first).outcome);
  EXPECT_EQ(h.count<StartTask>() + h.count<FetchBlob>(), 0u);
}

TEST(Session, AnotherAttemptIsTriedWhereTheOneBeforeFailed) {
  Harness h;
  h.connect();
  const Task first = make_task(TaskKind::kTrain, 1);
  h.run(first, {first.key, TaskFailure{Reason::kTrainingFailed, ""}});
  h.offer(make_task(TaskKind::kTrain, 1, "heart-1", 2));
  EXPECT_TRUE(h.sent<TaskResult>().empty());
  EXPECT_EQ(h.count<FetchBlob>(), 1u);
}

TEST(Session, CommitForgetsTheResultAndDropsItsBlob) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kTrain, 1);
  h.run(task, trained(task, 500));
  h.receive(TaskVerdict{task.key, Reason::kAccepted, ""});
  h.receive(RoundCommitted{task.key.job, 1});
  ASSERT_EQ(h.count<ForgetResult>(), 1u);
  ASSERT_EQ(h.count<DropBlob>(), 1u);
  EXPECT_EQ(h.all<DropBlob>()[0].digest, digest_of(500))
      << "the global model stays for the next task";
  h.handle(Disconnected{kGone});
  h.connect();
  EXPECT_TRUE(h.sent<TaskResult>().empty());
}

TEST(Session, ARefusedResultIsForgottenAtOnce) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kTrain, 1);
  h.run(task, trained(task, 500));
  h.receive(TaskVerdict{task.key, Reason::kOutOfBounds, "coordinate beyond 1024"});
  EXPECT_THAT(h.reports(), Contains("result.refused"));
  EXPECT_EQ(h.count<ForgetResult>(), 1u);
  EXPECT_EQ(h.count<DropBlob>(), 1u);
}

TEST(Session, ALaterTaskOfTheJobStandsForAMissedCommit) {
  Harness h;
  h.connect();
  const Task first = make_task(TaskKind::kTrain, 1);
  h.run(first, trained(first, 500));
  h.receive(TaskVerdict{first.key, Reason::kAccepted, ""});
  Task evaluate = make_task(TaskKind::kEvaluate, 1);
  evaluate.model = {digest_of(2), 100};
  h.offer(evaluate);
  EXPECT_EQ(h.count<ForgetResult>(), 1u);
  std::vector<Digest> dropped;
  for (const DropBlob& drop : h.all<DropBlob>()) dropped.push_back(drop.digest);
  EXPECT_THAT(dropped, testing::UnorderedElementsAre(digest_of(1), digest_of(500)))
      << "the update, and the model that a newer one of the job replaced";
}

TEST(Session, TheInitialModelSurvivesAsTheFirstGlobalModel) {
  Harness h;
  h.connect();
  const Task initialize = make_task(TaskKind::kInitialize);
  h.offer(initialize);
  h.handle(TaskFinished{{initialize.key, InitializeResult{{digest_of(1), 100}}}});
  h.receive(TaskVerdict{initialize.key, Reason::kAccepted, ""});
  EXPECT_EQ(h.count<ForgetResult>(), 0u) << "the coordinator still has to fetch it";
  const Task train = make_task(TaskKind::kTrain, 1);  // its model is digest_of(1)
  h.offer(train);
  EXPECT_EQ(h.count<ForgetResult>(), 1u);
  EXPECT_EQ(h.count<DropBlob>(), 0u);
}

TEST(Session, OneTaskAtATimeInOrder) {
  Harness h;
  h.connect();
  const Task a = make_task(TaskKind::kPrepare, 0, "a-1");
  const Task b = make_task(TaskKind::kPrepare, 0, "b-1");
  const Task c = make_task(TaskKind::kPrepare, 0, "c-1");
  h.offer(a);
  h.offer(b);
  EXPECT_EQ(h.count<StartTask>(), 0u);
  h.offer(c);
  h.handle(TaskFinished{{a.key, PrepareResult{}}});
  ASSERT_EQ(h.count<StartTask>(), 1u);
  EXPECT_EQ(h.all<StartTask>()[0].task.key, b.key);
  h.handle(TaskFinished{{b.key, PrepareResult{}}});
  EXPECT_EQ(h.all<StartTask>().at(0).task.key, c.key);
}

TEST(Session, AFullQueueDeclines) {
  Harness h;
  h.connect();
  for (std::size_t i = 0; i <= limits::kTasksQueuedMax; ++i) {  // one runs, the others wait
    h.offer(make_task(TaskKind::kPrepare, 0, "job-" + std::to_string(i)));
    EXPECT_EQ(h.sent<TaskAccepted>().size(), 1u);
  }
  h.offer(make_task(TaskKind::kPrepare, 0, "last-1"));
  ASSERT_EQ(h.sent<TaskResult>().size(), 1u);
  EXPECT_EQ(std::get<TaskFailure>(h.sent<TaskResult>()[0].outcome).reason, Reason::kDeclined);
  EXPECT_EQ(h.count<KeepResult>(), 0u);
}

TEST(Session, AnOfferOfTheRunningTaskIsAcceptedAndExtendsItsDeadline) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kPrepare);
  h.offer(task);
  h.pass(50'000);
  h.offer(task);
  EXPECT_EQ(h.sent<TaskAccepted>().size(), 1u);
  EXPECT_EQ(h.count<StartTask>(), 0u);
  h.pass(50'000);
  EXPECT_EQ(h.count<StopTask>(), 0u);
  h.pass(10'000);
  EXPECT_EQ(h.count<StopTask>(), 1u);
}

TEST(Session, ADeadlineStopsTheTaskAndTheNextWaitsForItsEnd) {
  Harness h;
  h.connect();
  const Task a = make_task(TaskKind::kPrepare, 0, "a-1");
  const Task b = make_task(TaskKind::kPrepare, 0, "b-1");
  h.offer(a);
  h.pass(30'000);
  h.offer(b);
  h.pass(30'000);
  ASSERT_EQ(h.count<StopTask>(), 1u);
  EXPECT_EQ(h.count<StartTask>(), 0u);
  h.handle(TaskFinished{{a.key, PrepareResult{}}});
  EXPECT_EQ(h.count<KeepResult>(), 0u) << "nobody waits for it";
  EXPECT_EQ(h.count<StartTask>(), 1u);
}

TEST(Session, CancelStopsDropsOrForgets) {
  Harness h;
  h.connect();
  const Task runs = make_task(TaskKind::kPrepare, 0, "a-1");
  const Task waits = make_task(TaskKind::kPrepare, 0, "b-1");
  h.offer(runs);
  h.offer(waits);
  h.receive(TaskCancel{waits.key, Reason::kNotNeeded});
  EXPECT_THAT(h.reports(), ElementsAre("task.dropped"));
  h.receive(TaskCancel{runs.key, Reason::kAborted});
  EXPECT_EQ(h.count<StopTask>(), 1u);
  h.handle(TaskFinished{{runs.key, PrepareResult{}}});
  EXPECT_EQ(h.count<StartTask>() + h.count<KeepResult>(), 0u);
  h.receive(TaskCancel{runs.key, Reason::kAborted});
  EXPECT_TRUE(h.last.empty());
}

TEST(Session, AVerdictOnARunningTaskStopsIt) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kPrepare);
  h.offer(task);
  h.receive(TaskVerdict{task.key, Reason::kAborted, "the job ended"});
  EXPECT_EQ(h.count<StopTask>(), 1u);
}

TEST(Session, ATaskCancelledAndOfferedAgainRunsAfterTheStoppedOne) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kPrepare);
  h.offer(task);
  h.receive(TaskCancel{task.key, Reason::kDisconnected});
  h.offer(task);
  EXPECT_EQ(h.count<StartTask>(), 0u);
  h.handle(TaskFinished{{task.key, TaskFailure{}}});
  EXPECT_EQ(h.count<KeepResult>(), 0u);
  EXPECT_EQ(h.count<StartTask>(), 1u);
}

TEST(Session, TheNextTaskOfAJobOvertakesTheRunningOne) {
  Harness h;
  h.connect();
  const Task first = make_task(TaskKind::kTrain, 1);
  h.offer(first);
  h.handle(BlobArrived{first.model.digest});
  h.offer(make_task(TaskKind::kTrain, 2));
  EXPECT_EQ(h.count<StopTask>(), 1u);
}

TEST(Session, CommitStopsAStraggler) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kTrain, 1);
  h.offer(task);
  h.handle(BlobArrived{task.model.digest});
  h.receive(RoundCommitted{task.key.job, 1});
  EXPECT_EQ(h.count<StopTask>(), 1u);
}

TEST(Session, CommitLeavesOtherJobsAndTheEvaluationOfTheRound) {
  Harness h;
  h.connect();
  const Task evaluate = make_task(TaskKind::kEvaluate, 1);
  h.run(evaluate, {evaluate.key, EvaluateResult{}});
  const Task other = make_task(TaskKind::kTrain, 1, "other-1");
  h.run(other, trained(other));
  h.receive(RoundCommitted{evaluate.key.job, 1});
  EXPECT_TRUE(h.last.empty());
}

TEST(Session, ABlobThatCannotBeHadFailsTheTaskWithoutPrivateDetail) {
  Harness h;
  h.connect();
  h.offer(make_task(TaskKind::kTrain, 1));
  h.handle(BlobFailed{digest_of(1), make_error(ErrorCode::kResourceExhausted,
                                               "write /secret/path: No space left")});
  ASSERT_EQ(h.sent<TaskResult>().size(), 1u);
  const auto failure = std::get<TaskFailure>(h.sent<TaskResult>()[0].outcome);
  EXPECT_EQ(failure.reason, Reason::kStorageFailed);
  EXPECT_EQ(failure.detail.find("secret"), std::string::npos);
  EXPECT_NE(failure.detail.find("resource_exhausted"), std::string::npos);
  EXPECT_EQ(h.count<StartTask>(), 0u);
}

TEST(Session, DownloadsGoOnAfterAReconnect) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kTrain, 1);
  h.offer(task);
  h.handle(Disconnected{kGone});
  EXPECT_EQ(h.count<DropBlob>(), 0u);
  h.connect();
  ASSERT_EQ(h.count<FetchBlob>(), 1u);
  EXPECT_EQ(h.all<FetchBlob>()[0].blob, task.model);
}

TEST(Session, TrainingGoesOnWhileTheLinkIsDown) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kTrain, 1);
  h.offer(task);
  h.handle(BlobArrived{task.model.digest});
  h.handle(Disconnected{kGone});
  EXPECT_EQ(h.count<StopTask>(), 0u);
  h.handle(TaskFinished{trained(task)});
  EXPECT_EQ(h.count<KeepResult>(), 1u);
  EXPECT_EQ(h.count<Send>(), 0u);
  h.connect();
  EXPECT_EQ(h.sent<TaskResult>().size(), 1u);
}

TEST(Session, RecoveredResultsAreOfferedOnTheFirstLink) {
  Harness h;
  const Task task = make_task(TaskKind::kTrain, 3);
  h.handle(Recovered{{trained(task)}, {}});
  EXPECT_EQ(h.count<Send>(), 0u);
  h.connect();
  EXPECT_EQ(h.sent<TaskResult>().size(), 1u);
  h.offer(task);
  EXPECT_EQ(h.sent<TaskResult>().size(), 1u);
  EXPECT_EQ(h.count<StartTask>(), 0u);
  h.receive(TaskVerdict{task.key, Reason::kStale, ""});
  EXPECT_EQ(h.count<ForgetResult>(), 1u);
  EXPECT_EQ(h.count<DropBlob>(), 1u);
}

TEST(Session, ProgressIsSentAtMostOnceASecond) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kPrepare);
  h.offer(task);
  int sent = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    h.handle(TaskProgressed{task.key, i, 100});
    sent += static_cast<int>(h.sent<TaskProgress>().size());
    h.now = h.now + Milliseconds(25);
  }
  EXPECT_EQ(sent, 3);
}

TEST(Session, KeptResultsAreBoundedAndAcceptedOnesGoFirst) {
  Harness h;
  h.connect();
  const Task first = make_task(TaskKind::kTrain, 1, "first-1");
  const Task second = make_task(TaskKind::kTrain, 1, "second-1");
  h.run(first, trained(first, 5001));
  h.run(second, trained(second, 5002));
  h.receive(TaskVerdict{second.key, Reason::kAccepted, ""});
  for (std::size_t i = 2; i < limits::kResultsKeptMax; ++i) {
    const Task task = make_task(TaskKind::kTrain, 1, "job-" + std::to_string(i));
    h.run(task, trained(task, 6000 + static_cast<int>(i)));
    EXPECT_EQ(h.count<ForgetResult>(), 0u);
  }
  const Task last = make_task(TaskKind::kTrain, 1, "last-1");
  h.run(last, trained(last, 7000));
  ASSERT_EQ(h.count<ForgetResult>(), 1u);
  EXPECT_EQ(h.all<ForgetResult>()[0].key, second.key);
}

// --- blobs of an earlier life ---

std::vector<Digest> dropped(const Harness& h) {
  std::vector<Digest> digests;
  for (const DropBlob& drop : h.all<DropBlob>()) digests.push_back(drop.digest);
  return digests;
}

TEST(Session, WhatAnEarlierLifeLeftStaysUntilTheFirstTaskOfThisOneIsDone) {
  Harness h;
  const Task task = make_task(TaskKind::kTrain, 1), kept = make_task(TaskKind::kTrain, 3, "other");
  h.handle(Recovered{{trained(kept, 500)}, {task.model.digest, digest_of(500), digest_of(900)}});
  EXPECT_EQ(h.count<DropBlob>(), 0u);
  h.connect();
  h.offer(task);
  h.handle(BlobArrived{task.model.digest});
  ASSERT_EQ(h.count<StartTask>(), 1u);
  EXPECT_EQ(h.count<DropBlob>(), 0u) << "another task may still be offered that wants it";
  h.handle(TaskFinished{trained(task, 501)});
  EXPECT_THAT(dropped(h), ElementsAre(digest_of(900)))
      << "not the model of the job, and not the update that is kept";
}

TEST(Session, MoreThanALifeCanLeaveIsNotKept) {
  Harness h;
  std::vector<Digest> left;
  for (int i = 0; i < static_cast<int>(limits::kLeftBlobsMax); ++i)
    left.push_back(digest_of(1000 + i));
  const TaskResult kept = trained(make_task(TaskKind::kTrain, 1), 500);
  std::vector<Digest> all = left;
  all.push_back(digest_of(500));
  h.handle(Recovered{{kept}, all});
  EXPECT_EQ(h.count<DropBlob>(), 0u) << "what is kept does not count";
  Harness full;
  left.push_back(digest_of(999));
  all.push_back(digest_of(999));
  full.handle(Recovered{{kept}, all});
  EXPECT_THAT(dropped(full), testing::UnorderedElementsAreArray(left));
}

}  // namespace
}  // namespace tributary::session

// SPDX-License-Identifier: Apache-2.0
// The link: dialling, back-off, goodbyes, heartbeats, shutdown.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "tests/unit/client/session/harness.h"

namespace tributary::session {
namespace {

using testing::Contains;

const Error kGone = make_error(ErrorCode::kUnavailable, "connection reset");

TEST(SessionLink, DialsAtStartAndNotBefore) {
  Harness h;
  h.pass(100'000);
  EXPECT_EQ(h.count<Dial>(), 0u);
  h.handle(Start{});
  EXPECT_EQ(h.count<Dial>(), 1u);
  h.pass(100'000);
  EXPECT_EQ(h.count<Dial>(), 0u) << "one dial at a time";
}

TEST(SessionLink, RedialsForEverAfterBoundedWaits) {
  Harness h;
  h.handle(Start{});
  for (int i = 0; i < 200; ++i) {
    h.handle(Disconnected{kGone});
    EXPECT_THAT(h.reports(), Contains("link.down"));
    EXPECT_EQ(h.count<Dial>(), 0u);
    const auto wake = h.session.next_wake();
    ASSERT_TRUE(wake.has_value());
    const std::int64_t wait = (*wake - h.now).count();
    EXPECT_GT(wait, 0);
    EXPECT_LE(wait, limits::kRedialMs);
    h.pass(wait - 1);
    EXPECT_EQ(h.count<Dial>(), 0u);
    h.pass(1);
    EXPECT_EQ(h.count<Dial>(), 1u);
  }
}

TEST(SessionLink, AShortLinkDoesNotResetTheBackoffALongOneDoes) {
  Harness h;
  h.handle(Start{});
  const auto wait_after = [&h](std::int64_t up_ms) {
    h.handle(Connected{});
    h.pass(up_ms);
    h.handle(Disconnected{kGone});
    const std::int64_t wait = (*h.session.next_wake() - h.now).count();
    h.pass(wait);
    return wait;
  };
  for (int i = 0; i < 8; ++i) wait_after(5);
  EXPECT_GT(wait_after(5), 10'000) << "accepted and closed at once, again and again";
  EXPECT_LE(wait_after(limits::kLinkProvenMs), limits::kRedialFirstMs);
}

TEST(SessionLink, AShortLinkThatGotWorkDoneResetsTheBackoff) {
  Harness h;
  const Task first = make_task(TaskKind::kTrain, 1), second = make_task(TaskKind::kTrain, 2);
  const auto wait_after = [&h](const std::vector<Message>& messages) {
    h.handle(Connected{});
    for (const Message& message : messages) h.receive(message);
    h.handle(Disconnected{kGone});
    const std::int64_t wait = (*h.session.next_wake() - h.now).count();
    h.pass(wait);
    return wait;
  };
  const auto fail_often = [&] {
    for (int i = 0; i < 8; ++i) wait_after({});
  };
  h.connect();
  h.run(first, trained(first));
  h.handle(Disconnected{kGone});
  h.pass(limits::kRedialMs);
  fail_often();
  EXPECT_LE(wait_after({TaskVerdict{first.key, Reason::kAccepted, ""}}), limits::kRedialFirstMs);
  fail_often();
  EXPECT_GT(wait_after({TaskVerdict{first.key, Reason::kAccepted, ""}}), 10'000)
      << "it was taken before";
  EXPECT_LE(wait_after({RoundCommitted{first.key.job, 1}}), limits::kRedialFirstMs);
  fail_often();
  EXPECT_GT(wait_after({TaskOffer{second}}), 10'000) << "an offer is no work done";
  h.handle(Connected{});
  h.run(second, trained(second));
  h.handle(Disconnected{kGone});
  h.pass(limits::kRedialMs);
  EXPECT_GT(wait_after({TaskVerdict{second.key, Reason::kStorageFailed, ""}}), 10'000);
}

TEST(SessionLink, GoodbyeSaysWhenToComeBack) {
  Harness h;
  h.connect();
  h.receive(
      Goodbye{.code = ErrorCode::kUnavailable, .message = "restarting", .retry_after_ms = 30'000});
  ASSERT_EQ(h.count<CloseLink>(), 1u);
  h.handle(Disconnected{kGone});
  EXPECT_GE((*h.session.next_wake() - h.now).count(), 30'000);
  h.pass(40'000);
  ASSERT_EQ(h.count<Dial>(), 1u);
  h.handle(Disconnected{kGone});
  EXPECT_LT((*h.session.next_wake() - h.now).count(), 30'000) << "the goodbye counts once";
}

// Whoever reloads a site's certificates does not want to wait for a minute that was said before.
TEST(SessionLink, StartedAgainItDialsAtOnceWhateverTheGoodbyeSaid) {
  Harness h;
  h.connect();
  h.receive(
      Goodbye{.code = ErrorCode::kUnauthenticated, .message = "revoked", .retry_after_ms = 60'000});
  h.handle(Disconnected{kGone});
  h.handle(Start{});
  EXPECT_EQ(h.count<Dial>(), 1u);
  h.handle(Start{});
  EXPECT_EQ(h.count<Dial>(), 0u) << "it dials already";
}

TEST(SessionLink, AGoodbyeInsteadOfAWelcomeIsToldAndObeyed) {
  Harness h;
  h.handle(Start{});
  for (int i = 0; i < 9; ++i) {
    h.handle(Disconnected{kGone});
    h.pass(limits::kRedialMs);
  }
  h.handle(SentAway{{ErrorCode::kUnavailable, "your turn is later", 12'345}});
  EXPECT_THAT(h.reports(), testing::ElementsAre("link.goodbye", "link.down"));
  EXPECT_EQ(h.count<CloseLink>(), 0u) << "there is no link";
  EXPECT_EQ((*h.session.next_wake() - h.now).count(), 12'345) << "its turn, whatever came before";
  h.pass(12'345);
  ASSERT_EQ(h.count<Dial>(), 1u);
  h.handle(Connected{});
  EXPECT_THAT(h.reports(), Contains("link.connected"));
}

TEST(SessionLink, AGoodbyeToOneWhoIsLeavingEndsIt) {
  Harness h;
  h.handle(Start{});
  h.handle(Stop{});
  h.handle(SentAway{{ErrorCode::kUnavailable, "full", 1'000}});
  EXPECT_TRUE(h.session.stopped());
  EXPECT_FALSE(h.session.next_wake().has_value());
}

// Waits until the dials of `h` after its link is gone: the first, and one that follows a failed
// dial.
std::pair<std::int64_t, std::int64_t> waits_after_a_break(Harness& h) {
  const auto wait = [&h] { return (*h.session.next_wake() - h.now).count(); };
  h.handle(Disconnected{kGone});
  const std::int64_t first = wait();
  h.pass(first);
  h.handle(Disconnected{kGone});
  const std::int64_t second = wait();
  h.pass(second);
  return {first, second};
}

TEST(SessionLink, AfterABrokenLinkTheFirstDialIsSpreadAsTheWelcomeSaid) {
  Harness h;
  h.handle(Start{});
  std::int64_t longest = 0, shortest = limits::kRetryAfterMs;
  for (int i = 0; i < 200; ++i) {
    h.handle(Connected{.reconnect_spread_ms = 50'000});
    h.pass(limits::kLinkProvenMs);
    const auto [first, second] = waits_after_a_break(h);
    longest = std::max(longest, first);
    shortest = std::min(shortest, first);
    EXPECT_LE(second, 2 * limits::kRedialFirstMs) << "the usual back-off from there on";
  }
  EXPECT_LT(shortest, 2'000);
  EXPECT_GT(longest, 48'000);
  EXPECT_LE(longest, 50'000 + limits::kRedialFirstMs);
  h.handle(Connected{.reconnect_spread_ms = 0});
  h.pass(limits::kLinkProvenMs);
  EXPECT_LE(waits_after_a_break(h).first, limits::kRedialFirstMs) << "the last Welcome counts";
}

TEST(SessionLink, AGoodbyeWithATimeIsNotSpread) {
  Harness h;
  h.handle(Start{});
  h.handle(Connected{.reconnect_spread_ms = 50'000});
  h.receive(Goodbye{.code = ErrorCode::kUnavailable, .message = "", .retry_after_ms = 3'000});
  h.handle(Disconnected{kGone});
  EXPECT_EQ((*h.session.next_wake() - h.now).count(), 3'000);
}

TEST(SessionLink, MessagesThatAreNotForASiteCloseTheLink) {
  for (const Message& wrong :
       std::vector<Message>{Hello{}, Welcome{}, TaskAccepted{}, SubmitJob{}, JobList{}, GetStatus{},
                            BlobRequest{}, RequestFailed{}}) {
    Harness h;
    h.connect();
    h.receive(wrong);
    ASSERT_EQ(h.count<CloseLink>(), 1u) << wrong.index();
    EXPECT_EQ(h.all<CloseLink>()[0].reason.code, ErrorCode::kProtocol);
    h.offer(make_task(TaskKind::kPrepare));
    EXPECT_TRUE(h.last.empty()) << "nothing counts after that";
  }
}

TEST(SessionLink, TasksThatMakeNoSenseCloseTheLink) {
  std::vector<Task> wrong(8, make_task(TaskKind::kTrain, 1));
  wrong[0].key.job.value = "../etc";
  wrong[1].key.attempt = 0;
  wrong[2].key.round = 0;
  wrong[3].document.clear();
  wrong[4].document.resize(limits::kJobDocumentBytesMax + 1, 'x');
  wrong[5].model = {};
  wrong[6].model.bytes = limits::kBlobBytesMax + 1;
  wrong[7].deadline_ms = 0;
  wrong.push_back(make_task(TaskKind::kPrepare, 2));
  wrong.push_back(make_task(TaskKind::kInitialize));
  wrong.back().model.digest = digest_of(3);
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    Harness h;
    h.connect();
    h.offer(wrong[i]);
    EXPECT_EQ(h.count<CloseLink>(), 1u) << i;
    EXPECT_EQ(h.count<FetchBlob>() + h.count<StartTask>() + h.count<Send>(), 0u) << i;
  }
}

TEST(SessionLink, StopWhileIdleClosesTheLinkAndEnds) {
  Harness h;
  h.connect();
  h.handle(Stop{});
  ASSERT_EQ(h.count<CloseLink>(), 1u);
  EXPECT_EQ(h.all<CloseLink>()[0].reason.code, ErrorCode::kCancelled);
  EXPECT_FALSE(h.session.stopped());
  h.handle(Disconnected{kGone});
  EXPECT_TRUE(h.session.stopped());
  EXPECT_FALSE(h.session.next_wake().has_value());
  h.handle(Start{});
  EXPECT_EQ(h.count<Dial>(), 0u);
}

TEST(SessionLink, StopWhileWaitingToDialEndsAtOnce) {
  Harness h;
  h.handle(Start{});
  h.handle(Disconnected{kGone});
  h.handle(Stop{});
  EXPECT_TRUE(h.session.stopped());
  h.pass(100'000);
  EXPECT_EQ(h.count<Dial>(), 0u);
}

TEST(SessionLink, StopWhileDiallingIgnoresALateConnection) {
  Harness h;
  h.handle(Start{});
  h.handle(Stop{});
  EXPECT_EQ(h.count<CloseLink>(), 1u);
  h.handle(Connected{});
  EXPECT_TRUE(h.last.empty());
  h.handle(Disconnected{kGone});
  EXPECT_TRUE(h.session.stopped());
}

TEST(SessionLink, StopWaitsForTheRunningTaskAndKeepsAResultThatWasJustDone) {
  Harness h;
  h.connect();
  const Task task = make_task(TaskKind::kTrain, 1);
  h.offer(task);
  h.handle(BlobArrived{task.model.digest});
  h.handle(Stop{});
  ASSERT_EQ(h.count<StopTask>(), 1u);
  h.handle(Disconnected{kGone});
  EXPECT_FALSE(h.session.stopped());
  h.handle(TaskFinished{trained(task)});
  EXPECT_EQ(h.count<KeepResult>(), 1u);
  EXPECT_EQ(h.count<Send>(), 0u);
  EXPECT_TRUE(h.session.stopped());
}

// --- models that come as what changed in the last ---

Task task_with_delta(TaskKind kind, RoundNumber round) {
  Task task = make_task(kind, round);
  task.delta = {digest_of(static_cast<int>(round) - 1), {digest_of(700), 30}};
  return task;
}

std::vector<Digest> dropped(const Harness& h) {
  std::vector<Digest> digests;
  for (const DropBlob& drop : h.all<DropBlob>()) digests.push_back(drop.digest);
  return digests;
}

TEST(SessionLink, TheLastModelStaysUntilTheNextIsMadeOfIt) {
  Harness h;
  h.connect();
  const Task first = make_task(TaskKind::kTrain, 1);
  h.run(first, trained(first));
  h.receive(TaskVerdict{first.key, Reason::kAccepted, ""});
  h.receive(RoundCommitted{first.key.job, 1});
  const Task next = task_with_delta(TaskKind::kTrain, 2);
  h.offer(next);
  ASSERT_EQ(h.count<FetchBlob>(), 1u);
  EXPECT_EQ(h.all<FetchBlob>()[0].blob, next.model);
  EXPECT_EQ(h.all<FetchBlob>()[0].delta, next.delta);
  EXPECT_TRUE(dropped(h).empty());
  h.handle(Disconnected{kGone});
  EXPECT_TRUE(dropped(h).empty());
  h.connect();
  ASSERT_EQ(h.count<FetchBlob>(), 1u);
  EXPECT_EQ(h.all<FetchBlob>()[0].delta, next.delta);
  h.handle(BlobArrived{next.model.digest});
  EXPECT_THAT(dropped(h), testing::UnorderedElementsAre(digest_of(1), digest_of(700)));
  EXPECT_EQ(h.count<StartTask>(), 1u);
}

TEST(SessionLink, ADeltaThatLeadsNowhereBreaksTheLink) {
  for (int fault = 0; fault < 4; ++fault) {
    Harness h;
    h.connect();
    Task task = task_with_delta(TaskKind::kTrain, 2);
    if (fault == 0) task.delta.base = {};
    if (fault == 1) task.delta.blob = {};
    if (fault == 2) task.delta.blob.bytes = limits::kBlobBytesMax + 1;
    if (fault == 3) {
      task = make_task(TaskKind::kPrepare);
      task.delta = {digest_of(1), {digest_of(700), 30}};
    }
    h.offer(task);
    EXPECT_EQ(h.count<CloseLink>(), 1u) << fault;
  }
}

}  // namespace
}  // namespace tributary::session

// SPDX-License-Identifier: Apache-2.0
// Random event sequences from a seed: whatever happens in whatever order, the invariants below
// hold. A failure prints the seed; replay it with TRIBUTARY_SEED=N unit_client_session
// --gtest_filter='SessionSequence.*'.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "common/base/limits.h"
#include "tests/unit/client/session/harness.h"

namespace tributary::session {
namespace {

// Plays coordinator, trainer, disk and network against one session, and checks each effect against
// what it knows.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed), session_(random_) {}

  void step() {
    switch (random_.uniform_below(12)) {
      case 0:
        return link_event();
      case 1:
        return link_event();
      case 2:
        return offer();
      case 3:
        return offer();
      case 4:
        return blob();
      case 5:
        return blob();
      case 6:
        return trainer();
      case 7:
        return trainer();
      case 8:
        return answer();
      case 9:
        return commit();
      case 10:
        return pass(random_.uniform_below(3'000));
      default:
        return pass(random_.uniform_below(40'000));
    }
  }

  // From here on nothing goes wrong: every result that was finished and not answered must now be
  // offered.
  void settle() {
    // The link may be in any state: take it down, and let it come up.
    if (link_up_ || dialing_ || closing_)
      handle(Disconnected{make_error(ErrorCode::kUnavailable, "gone")});
    pass(limits::kRetryAfterMs * 2);
    ASSERT_TRUE(dialing_) << "it must dial for ever";
    offered_.clear();
    handle(Connected{});
    for (const auto& [key, accepted] : unanswered())
      EXPECT_TRUE(offered_.contains(key)) << to_string(key);
  }

  void stop() {
    handle(Stop{});
    if (link_up_ || dialing_ || closing_)
      handle(Disconnected{make_error(ErrorCode::kCancelled, "closed")});
    if (running_) handle(TaskFinished{{*running_, TaskFailure{}}});
    EXPECT_TRUE(session_.stopped());
    pass(1'000'000);
    EXPECT_FALSE(dialing_);
  }
  void start() { handle(Start{}); }

 private:
  std::map<TaskKey, bool> unanswered() const {
    std::map<TaskKey, bool> result;
    for (const auto& [key, accepted] : kept_) {
      if (!accepted) result.emplace(key, accepted);
    }
    return result;
  }

  void handle(const SessionEvent& event) {
    if (std::holds_alternative<Disconnected>(event) || std::holds_alternative<SentAway>(event)) {
      link_up_ = dialing_ = closing_ = false;
    } else if (std::holds_alternative<Connected>(event)) {
      link_up_ = !closing_;
      dialing_ = false;
    } else if (const auto* done = std::get_if<TaskFinished>(&event)) {
      ASSERT_EQ(*running_, done->result.key);
      running_.reset();
    }
    for (const SessionEffect& effect : session_.handle(now_, event)) check(effect);
    if (const auto wake = session_.next_wake(); wake && !link_up_ && !dialing_ && !closing_) {
      EXPECT_LE((*wake - now_).count(), limits::kRetryAfterMs + limits::kRedialMs)
          << "never parked for longer than the limit";
    }
  }

  void check(const SessionEffect& effect) {
    if (std::holds_alternative<Dial>(effect)) {
      EXPECT_FALSE(link_up_ || dialing_ || closing_) << "one link at a time";
      dialing_ = true;
    } else if (const auto* send = std::get_if<Send>(&effect)) {
      EXPECT_TRUE(link_up_) << "sent while disconnected";
      if (const auto* result = std::get_if<TaskResult>(&send->message)) note_sent(*result);
    } else if (std::holds_alternative<CloseLink>(effect)) {
      EXPECT_TRUE(link_up_ || dialing_);
      link_up_ = dialing_ = false;
      closing_ = true;
    } else if (const auto* fetch = std::get_if<FetchBlob>(&effect)) {
      EXPECT_TRUE(link_up_) << "nobody to fetch from";
      wanted_.insert(fetch->blob.digest);
    } else if (const auto* drop = std::get_if<DropBlob>(&effect)) {
      wanted_.erase(drop->digest);
      here_.erase(drop->digest);
      for (const auto& [key, digest] : kept_blobs_)
        EXPECT_NE(digest, drop->digest) << "a kept update is dropped";
    } else if (const auto* start = std::get_if<StartTask>(&effect)) {
      EXPECT_FALSE(running_.has_value()) << "two tasks run";
      if (!start->task.model.digest.is_none()) {
        EXPECT_TRUE(here_.contains(start->task.model.digest));
      }
      running_ = start->task.key;
    } else if (const auto* halt = std::get_if<StopTask>(&effect)) {
      EXPECT_EQ(running_, halt->key);
    } else if (const auto* keep = std::get_if<KeepResult>(&effect)) {
      kept_[keep->result.key] = false;
      kept_blobs_[keep->result.key] = blob_of(keep->result).digest;
    } else if (const auto* forget = std::get_if<ForgetResult>(&effect)) {
      EXPECT_EQ(kept_.erase(forget->key), 1u) << "forgets what it does not keep";
      kept_blobs_.erase(forget->key);
    }
  }

  void note_sent(const TaskResult& result) {
    if (const auto* failure = std::get_if<TaskFailure>(&result.outcome);
        failure && failure->reason == Reason::kDeclined)
      return;
    ASSERT_TRUE(kept_.contains(result.key)) << "sent before it was durable";
    offered_.insert(result.key);
  }

  void link_event() {
    if (dialing_ && random_.uniform_below(3) > 0) return handle(Connected{30'000});
    if (dialing_ && random_.uniform_below(3) == 0)
      return handle(SentAway{{ErrorCode::kUnavailable, "later", 2'000}});
    if (link_up_ && random_.uniform_below(4) == 0) {
      return handle(MessageReceived{
          Goodbye{.code = ErrorCode::kUnavailable, .message = "", .retry_after_ms = 20'000}});
    }
    if (link_up_ || dialing_ || closing_)
      handle(Disconnected{make_error(ErrorCode::kUnavailable, "gone")});
  }

  void offer() {
    if (!link_up_) return;
    const auto round = static_cast<RoundNumber>(random_.uniform_below(4));
    const bool early = random_.uniform_below(2) == 0;
    const TaskKind kind = round == 0 ? (early ? TaskKind::kPrepare : TaskKind::kInitialize)
                                     : (early ? TaskKind::kTrain : TaskKind::kEvaluate);
    const Task task = make_task(kind, round, "job-" + std::to_string(random_.uniform_below(20)),
                                1 + static_cast<AttemptNumber>(random_.uniform_below(2)));
    tasks_.insert(task.key);
    const bool known = kept_.contains(task.key);
    offered_.clear();
    handle(MessageReceived{TaskOffer{task}});
    if (known) {
      EXPECT_TRUE(offered_.contains(task.key)) << "done twice: " << to_string(task.key);
      kept_[task.key] = false;
    }
  }

  void blob() {
    if (wanted_.empty()) return;
    auto which = wanted_.begin();
    std::advance(which, static_cast<long>(random_.uniform_below(wanted_.size())));
    const Digest digest = *which;
    wanted_.erase(which);
    if (random_.uniform_below(5) == 0)
      return handle(BlobFailed{digest, make_error(ErrorCode::kDataLoss, "digest")});
    here_.insert(digest);
    handle(BlobArrived{digest});
  }

  void trainer() {
    if (!running_) return;
    const TaskKey key = *running_;
    if (random_.uniform_below(3) == 0) return handle(TaskProgressed{key, 1, 2});
    if (random_.uniform_below(4) == 0) return handle(TaskFinished{{key, TaskFailure{}}});
    TaskResult result{key, PrepareResult{}};
    if (key.kind == TaskKind::kTrain)
      result.outcome = TrainResult{.update = {digest_of(100 + made_++ % 500), 10}};
    if (key.kind == TaskKind::kInitialize) result.outcome = InitializeResult{{digest_of(1), 10}};
    if (key.kind == TaskKind::kEvaluate) result.outcome = EvaluateResult{};
    if (const Digest digest = blob_of(result).digest; !digest.is_none()) here_.insert(digest);
    handle(TaskFinished{result});
  }

  void answer() {
    if (!link_up_ || tasks_.empty()) return;
    auto which = tasks_.begin();
    std::advance(which, static_cast<long>(random_.uniform_below(tasks_.size())));
    const TaskKey key = *which;
    if (random_.uniform_below(3) == 0)
      return handle(MessageReceived{TaskCancel{key, Reason::kNotNeeded}});
    const Reason reason = random_.uniform_below(2) == 0 ? Reason::kAccepted : Reason::kStale;
    handle(MessageReceived{TaskVerdict{key, reason, ""}});
    if (kept_.contains(key)) kept_[key] = true;
  }

  void commit() {
    if (!link_up_) return;
    handle(MessageReceived{RoundCommitted{JobId{"job-" + std::to_string(random_.uniform_below(20))},
                                          static_cast<RoundNumber>(random_.uniform_below(4))}});
  }

  void pass(std::uint64_t ms) {
    now_ = now_ + Milliseconds(static_cast<std::int64_t>(ms));
    handle(TimePassed{});
  }

  SeededRandom random_;
  Session session_;
  TimePoint now_{1};
  bool link_up_ = false, dialing_ = false, closing_ = false;
  std::optional<TaskKey> running_;
  std::set<TaskKey> tasks_, offered_;
  std::map<TaskKey, bool> kept_;
  std::map<TaskKey, Digest> kept_blobs_;
  std::set<Digest> wanted_, here_;
  int made_ = 0;
};

TEST(SessionSequence, InvariantsHoldForManySeeds) {
  const char* only = std::getenv("TRIBUTARY_SEED");
  const std::uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  for (std::uint64_t seed = first; seed < (only != nullptr ? first + 1 : 400); ++seed) {
    SCOPED_TRACE("TRIBUTARY_SEED=" + std::to_string(seed));
    World world(seed);
    world.start();
    for (int i = 0; i < 600; ++i) world.step();
    world.settle();
    for (int i = 0; i < 200; ++i) world.step();
    world.stop();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace tributary::session

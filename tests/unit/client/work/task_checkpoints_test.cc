// SPDX-License-Identifier: Apache-2.0
#include "client/work/task_checkpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Checkpoints : public testing::Test {
 protected:
  Checkpoints() {
    task_.key = {JobId{"j"}, 2, 1, TaskKind::kTrain};
    task_.document = "name: j";
    task_.model.digest.bytes[0] = std::byte{1};
  }
  TaskCheckpoints begin() { return {site_, log_, task_, seed_, data_}; }
  bool due_after(TaskCheckpoints& checkpoints, std::int64_t ms) {
    clock_.advance(Milliseconds(ms));
    return checkpoints.due();
  }
  static TrainingState state() { return {10, 100, Bytes(1000)}; }
  // What a training finds that is as described by the members by now.
  bool finds() { return begin().take_up().has_value(); }

  TemporaryDirectory directory_;
  FullDisk disk_;
  ManualClock clock_;
  CheckpointStore store_{disk_, directory_ / "checkpoints"};
  bool shutting_down_ = false;
  Checkpointing site_{store_, clock_, Milliseconds(1000), [this] { return shutting_down_; }};
  std::vector<std::string> told_;
  const WorkLog log_ = [this](const char* event, EventFields) { told_.emplace_back(event); };
  Task task_;
  std::uint64_t seed_ = 5;
  ExampleSet data_{{2}, 2, {1, 2, 3, 4}, {0, 1}, {}};
};

TEST_F(Checkpoints, AreDueAfterSoMuchTraining) {
  TaskCheckpoints checkpoints = begin();
  EXPECT_FALSE(checkpoints.due());
  EXPECT_FALSE(due_after(checkpoints, 999));
  EXPECT_TRUE(due_after(checkpoints, 1));
  checkpoints.keep(state());
  EXPECT_FALSE(due_after(checkpoints, 999));
  EXPECT_TRUE(due_after(checkpoints, 1));
  site_.every = Milliseconds(0);
  TaskCheckpoints never = begin();
  EXPECT_FALSE(due_after(never, 1'000'000));
  shutting_down_ = true;
  EXPECT_FALSE(never.due());
}

TEST_F(Checkpoints, CostOneTwentiethOfTheTimeAtMost) {
  TaskCheckpoints checkpoints = begin();
  clock_.advance(Milliseconds(1000));
  const TimePoint start = clock_.now();
  std::int64_t writing = 0;
  for (int batch = 0; batch < 100'000; ++batch) {
    if (checkpoints.due()) {
      clock_.advance(Milliseconds(700));  // making and writing it
      writing += 700;
      checkpoints.keep(state());
    }
    clock_.advance(Milliseconds(1));
  }
  const auto total = (clock_.now() - start).count();
  EXPECT_GT(writing, total / 25);
  EXPECT_LE(writing, total / 20 + 700);
}

TEST_F(Checkpoints, ProcessThatEndsWritesOneAtOnce) {
  TaskCheckpoints checkpoints = begin();
  EXPECT_FALSE(checkpoints.due());
  shutting_down_ = true;
  EXPECT_TRUE(checkpoints.due());
  checkpoints.keep(state());
  EXPECT_TRUE(finds());
  EXPECT_THAT(told_, ElementsAre("training.checkpointed", "training.resumed"));
}

TEST_F(Checkpoints, AreGoodForTheNextAttemptAtTheSameRound) {
  begin().keep(state());
  ++task_.key.attempt;
  EXPECT_TRUE(finds());
}

// Each thing that the bits of a training follow from: another one of it is another training.
TEST_F(Checkpoints, AreOfOneTrainingOnly) {
  const std::vector<std::function<void()>> changes = {
      [this] { task_.key.job.value = "k"; },
      [this] { ++task_.key.round; },
      [this] { task_.document += " "; },
      [this] { task_.model.digest.bytes[31] ^= std::byte{1}; },
      [this] { task_.model_file.digest.bytes[0] ^= std::byte{1}; },
      [this] { ++seed_; },
      [this] { data_.inputs[3] = 5; },
      [this] { data_.labels[0] = 1; },
      [this] { data_.targets = {1}; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    begin().keep(state());
    EXPECT_TRUE(finds()) << i;
    changes[i]();
    EXPECT_FALSE(finds()) << i;
    EXPECT_TRUE(store_.empty()) << i << ": it is of use to nobody";
  }
}

TEST_F(Checkpoints, FaultsAreToldOnce) {
  TaskCheckpoints checkpoints = begin();
  disk_.room = 0;
  checkpoints.keep(state());
  checkpoints.keep(state());
  checkpoints.keep(make_error(ErrorCode::kInternal, "no state"));
  EXPECT_THAT(told_, ElementsAre("checkpoint.failed"));
  disk_.room = 1 << 20;
  checkpoints.keep(state());
  EXPECT_THAT(told_, ElementsAre("checkpoint.failed", "training.checkpointed"))
      << "the next one may find room";
}

TEST_F(Checkpoints, NoMemoryOrADamagedFileIsToldAndTheTrainingStartsAnew) {
  begin().keep(state());
  told_.clear();
  disk_.no_memory = true;
  EXPECT_FALSE(finds());
  EXPECT_THAT(told_, ElementsAre("checkpoint.failed"));
  disk_.no_memory = false;
  ASSERT_TRUE(disk_.write_durably(directory_ / "checkpoints/training", as_bytes("torn")));
  EXPECT_FALSE(finds());
  EXPECT_THAT(told_, ElementsAre("checkpoint.failed", "checkpoint.failed"));
  told_.clear();
  EXPECT_FALSE(finds());
  EXPECT_THAT(told_, IsEmpty()) << "none is no fault";
}

}  // namespace
}  // namespace tributary

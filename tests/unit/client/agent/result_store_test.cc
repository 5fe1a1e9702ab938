// SPDX-License-Identifier: Apache-2.0
#include "client/agent/result_store.h"

#include <gtest/gtest.h>

#include <fstream>

#include "common/base/limits.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

TaskResult result(RoundNumber round) {
  return {{JobId{"job"}, round, 1, TaskKind::kTrain}, TrainResult{{}, 10, 0.5, 0.25, 1.0}};
}

TEST(ResultStore, KeepsAndForgetsAcrossLives) {
  TemporaryDirectory directory;
  FullDisk disk;
  std::vector<std::string> damaged;
  {
    auto store = *ResultStore::open(disk, directory / "results");
    ASSERT_TRUE(store.keep(result(1)));
    ASSERT_TRUE(store.keep(result(2)));
    ASSERT_TRUE(store.forget(result(1).key));
  }
  auto store = *ResultStore::open(disk, directory / "results");
  EXPECT_EQ(*store.load(damaged), (std::vector<TaskResult>{result(2)}));
  EXPECT_TRUE(damaged.empty());
}

TEST(ResultStore, ADamagedFileIsNamedAndLeftOut) {
  TemporaryDirectory directory;
  FullDisk disk;
  auto store = *ResultStore::open(disk, directory / "results");
  ASSERT_TRUE(store.keep(result(1)));
  std::ofstream(directory / "results/job.9.1.train.result") << "garbage";
  std::vector<std::string> damaged;
  EXPECT_EQ(store.load(damaged)->size(), 1u);
  ASSERT_EQ(damaged.size(), 1u);
  damaged.clear();
  EXPECT_EQ(store.load(damaged)->size(), 1u);
  EXPECT_TRUE(damaged.empty());
  std::ofstream(directory / "results/job.9.1.train.result")
      << std::string(limits::kControlBytesMax + 1, 'x');
  EXPECT_EQ(store.load(damaged)->size(), 1u) << "nor does one of any size stop the start";
  EXPECT_EQ(damaged.size(), 1u);
}

TEST(ResultStore, AFullDiskIsAnError) {
  TemporaryDirectory directory;
  FullDisk disk;
  auto store = *ResultStore::open(disk, directory / "results");
  disk.room = 3;
  EXPECT_EQ(store.keep(result(1)).error().code, ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace tributary

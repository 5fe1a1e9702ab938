// SPDX-License-Identifier: Apache-2.0
#include "client/work/carried_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

class CarriedFiles : public testing::Test {
 protected:
  Status keep(const std::string& job, RoundNumber round, RoundNumber from, float value) {
    return store_.keep(JobId{job}, round, from, {{"algorithm", {value}}, {"local", {value, 1.0f}}});
  }
  // 0: nothing.
  float after(const std::string& job, RoundNumber round) {
    const Carried left = *store_.after(JobId{job}, round);
    if (left.empty()) return 0.0f;
    EXPECT_EQ(left.size(), 2u);
    EXPECT_EQ(left.at("local").at(1), 1.0f);
    return left.at("algorithm").at(0);
  }
  float last(const std::string& job, RoundNumber round) {
    const Carried left = *store_.last(JobId{job}, round);
    return left.empty() ? 0.0f : left.at("algorithm").at(0);
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory_ / "carried"), {}));
  }
  TemporaryDirectory directory_;
  FullDisk disk_;
  CarriedStore store_{disk_, directory_ / "carried"};
};

TEST_F(CarriedFiles, AreThoseOfTheRoundThatIsAskedFor) {
  EXPECT_EQ(after("a", 1), 0.0f) << "nothing was left yet";
  EXPECT_EQ(last("a", 9), 0.0f);
  ASSERT_TRUE(keep("a", 1, 0, 1.0f));
  ASSERT_TRUE(keep("a", 4, 1, 4.0f));
  EXPECT_EQ(after("a", 1), 1.0f);
  EXPECT_EQ(after("a", 4), 4.0f);
  EXPECT_EQ(after("a", 3), 0.0f);
  EXPECT_EQ(last("a", 3), 1.0f);
  EXPECT_EQ(last("a", 9), 4.0f);
  EXPECT_EQ(after("b", 4), 0.0f) << "of another job";
}

TEST_F(CarriedFiles, ATrainingThatIsDoneAgainBeginsWithTheSame) {
  ASSERT_TRUE(keep("a", 1, 0, 1.0f));
  ASSERT_TRUE(keep("a", 2, 1, 2.0f));
  ASSERT_TRUE(keep("a", 2, 1, 2.5f));
  EXPECT_EQ(after("a", 1), 1.0f);
  EXPECT_EQ(after("a", 2), 2.5f);
  EXPECT_EQ(files(), 2u);
  ASSERT_TRUE(keep("a", 3, 2, 3.0f));
  EXPECT_EQ(after("a", 2), 2.5f);
  EXPECT_EQ(files(), 2u) << "of older rounds nothing stays";
}

// Rounds 2 and 3 were trained, and their updates came too late.
TEST_F(CarriedFiles, WhatCountsStaysHoweverManyRoundsDoNot) {
  ASSERT_TRUE(keep("a", 1, 0, 1.0f));
  ASSERT_TRUE(keep("a", 2, 1, 2.0f));
  ASSERT_TRUE(keep("a", 3, 1, 3.0f));
  EXPECT_EQ(after("a", 1), 1.0f);
  EXPECT_EQ(after("a", 2), 0.0f);
  EXPECT_EQ(after("a", 3), 3.0f);
  EXPECT_EQ(files(), 2u);
}

TEST_F(CarriedFiles, AKillWhileOldOnesGiveWayLeavesTheNewOne) {
  ASSERT_TRUE(keep("a", 1, 0, 1.0f));
  ASSERT_TRUE(keep("a", 2, 1, 2.0f));
  std::filesystem::copy_file(directory_ / "carried/2_2_a.safetensors", directory_ / "carried/old");
  ASSERT_TRUE(keep("a", 2, 1, 2.5f));
  std::filesystem::rename(directory_ / "carried/old", directory_ / "carried/2_2_a.safetensors");
  EXPECT_EQ(after("a", 2), 2.5f);
  EXPECT_EQ(last("a", 2), 2.5f);
  ASSERT_TRUE(keep("a", 3, 2, 3.0f));
  EXPECT_EQ(after("a", 2), 2.5f);
}

TEST_F(CarriedFiles, AFullDiskLeavesWhatWasThere) {
  ASSERT_TRUE(keep("a", 1, 0, 1.0f));
  disk_.room = 10;
  EXPECT_FALSE(keep("a", 2, 1, 2.0f));
  EXPECT_EQ(after("a", 1), 1.0f);
  EXPECT_EQ(after("a", 2), 0.0f);
}

TEST_F(CarriedFiles, OfManyJobsTheOldestGiveWay) {
  for (RoundNumber round = 1; round <= 3; ++round) {
    for (std::size_t job = 0; job < CarriedStore::kJobsMax + 4; ++job)
      ASSERT_TRUE(keep("j_" + std::to_string(job), round, round - 1, 1.0f));
  }
  EXPECT_LE(files(), 2 * CarriedStore::kJobsMax);
  EXPECT_EQ(last("j_0", 4), 0.0f);
  EXPECT_EQ(last("j_11", 4), 1.0f);
}

TEST_F(CarriedFiles, WhatIsDamagedCountsAsNothing) {
  ASSERT_TRUE(keep("a", 1, 0, 1.0f));
  for (const auto& file : std::filesystem::directory_iterator(directory_ / "carried"))
    std::filesystem::resize_file(file, 20);
  EXPECT_EQ(after("a", 1), 0.0f);
  std::ofstream(directory_ / "carried/notes.txt") << "not ours";
  ASSERT_TRUE(keep("a", 2, 1, 2.0f));
  EXPECT_EQ(after("a", 2), 2.0f);
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/work/residual_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::Each;
using testing::ElementsAre;

const Layout kLayout{{{"w", {3}}}};

class Residuals : public testing::Test {
 protected:
  Status keep(const std::string& job, RoundNumber round, float value) {
    return store_.keep(JobId{job}, round, {kLayout, {value, value, value}});
  }
  float before(const std::string& job, RoundNumber round) {
    const std::vector<float> found = *store_.before(JobId{job}, round, kLayout);
    EXPECT_THAT(found, Each(found.at(0)));
    return found.at(0);
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory_ / "residuals"), {}));
  }
  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> disk_ = make_file_system();
  ResidualStore store_{*disk_, directory_ / "residuals"};
};

TEST_F(Residuals, AreThoseOfTheLastRoundBefore) {
  EXPECT_EQ(before("a", 1), 0.0f) << "nothing was left out yet";
  ASSERT_TRUE(keep("a", 1, 1.0f));
  EXPECT_EQ(before("a", 2), 1.0f);
  ASSERT_TRUE(keep("a", 4, 4.0f));
  EXPECT_EQ(before("a", 5), 4.0f);
  EXPECT_EQ(before("b", 5), 0.0f) << "of another job";
}

TEST_F(Residuals, ATrainingThatIsDoneAgainStartsFromTheSame) {
  ASSERT_TRUE(keep("a", 1, 1.0f));
  ASSERT_TRUE(keep("a", 2, 2.0f));
  EXPECT_EQ(before("a", 2), 1.0f);
  ASSERT_TRUE(keep("a", 2, 2.5f));
  EXPECT_EQ(before("a", 2), 1.0f);
  EXPECT_EQ(before("a", 3), 2.5f);
  EXPECT_EQ(files(), 2u);
  ASSERT_TRUE(keep("a", 3, 3.0f));
  EXPECT_EQ(before("a", 3), 2.5f);
  EXPECT_EQ(files(), 2u) << "of older rounds nothing stays";
}

TEST_F(Residuals, OfManyJobsTheOldestGiveWay) {
  for (int round = 1; round <= 3; ++round) {
    for (std::size_t job = 0; job < ResidualStore::kJobsMax + 4; ++job)
      ASSERT_TRUE(keep("j_" + std::to_string(job), static_cast<RoundNumber>(round), 1.0f));
  }
  EXPECT_LE(files(), 2 * ResidualStore::kJobsMax);
  EXPECT_EQ(before("j_0", 4), 0.0f);
  EXPECT_EQ(before("j_11", 4), 1.0f);
}

TEST_F(Residuals, WhatIsDamagedOrOfAnotherModelCountsAsNothing) {
  ASSERT_TRUE(keep("a", 1, 1.0f));
  EXPECT_THAT(*store_.before(JobId{"a"}, 2, {{{"w", {2}}}}), ElementsAre(0.0f, 0.0f));
  for (const auto& file : std::filesystem::directory_iterator(directory_ / "residuals"))
    std::filesystem::resize_file(file, 20);
  EXPECT_EQ(before("a", 2), 0.0f);
  std::ofstream(directory_ / "residuals/notes.txt") << "not ours";
  ASSERT_TRUE(keep("a", 2, 2.0f));
  EXPECT_EQ(before("a", 3), 2.0f);
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/work/known_jobs.h"

#include <gtest/gtest.h>

#include <fstream>

#include "common/base/limits.h"
#include "common/crypto/digest.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

class KnownJobsTest : public testing::Test {
 protected:
  static KnownJob job(const std::string& id, std::int64_t seen) {
    return {JobId{id},
            "alice",
            seen,
            sha256(as_bytes(id)),
            {},
            false,
            "name: \"\xc3\xa4\"\n",
            {5, "-----BEGIN", Bytes(3, std::byte{200})}};
  }

  TemporaryDirectory directory_;
  FullDisk disk_;
  KnownJobs jobs_{disk_, directory_ / "jobs"};
};

TEST_F(KnownJobsTest, ReadsBackWhatItNoted) {
  EXPECT_TRUE(jobs_.all()->empty());
  EXPECT_EQ(jobs_.find(JobId{"a"}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(jobs_.find(JobId{"../a"}).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(jobs_.note(job("b", 2)));
  ASSERT_TRUE(jobs_.note(job("a", 1)));
  const auto all = *jobs_.all();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].id.value, "a");
  EXPECT_EQ(all[1].document, job("b", 2).document);
  EXPECT_EQ(all[1].manifest, job("b", 2).manifest);
  EXPECT_EQ(all[1].signature, job("b", 2).signature);
}

TEST_F(KnownJobsTest, ADecisionIsAboutOneManifest) {
  const KnownJob one = job("a", 1);
  ASSERT_TRUE(jobs_.note(one));
  EXPECT_EQ(*jobs_.decision(one), Decision::kNone);
  ASSERT_TRUE(jobs_.decide(one, Decision::kApproved));
  EXPECT_EQ(*jobs_.decision(one), Decision::kApproved);
  KnownJob other = one;
  other.manifest = sha256(as_bytes("other"));
  EXPECT_EQ(*jobs_.decision(other), Decision::kNone);
  std::ofstream(directory_ / "jobs/a.decision") << "appro";
  EXPECT_EQ(jobs_.decision(one).error().code, ErrorCode::kDataLoss) << "perhaps it was a denial";
  ASSERT_TRUE(jobs_.decide(one, Decision::kApproved));
  EXPECT_EQ(*jobs_.decision(one), Decision::kApproved);
}

TEST_F(KnownJobsTest, EachDecisionIsFreshUntilItIsNoted) {
  const KnownJob one = job("a", 1), two = job("b", 2);
  ASSERT_TRUE(jobs_.note(one));
  ASSERT_TRUE(jobs_.note(two));
  EXPECT_TRUE(jobs_.fresh_decisions()->empty());
  ASSERT_TRUE(jobs_.decide(two, Decision::kApproved, 7, "carla"));
  ASSERT_TRUE(jobs_.decide(one, Decision::kDenied, 9, "dr who"));
  const auto fresh = *jobs_.fresh_decisions();
  ASSERT_EQ(fresh.size(), 2u);
  EXPECT_EQ(fresh[0].who, "carla");
  EXPECT_EQ(fresh[1].job, one.id);
  EXPECT_EQ(fresh[1].decision, Decision::kDenied);
  EXPECT_EQ(fresh[1].manifest, one.manifest);
  EXPECT_EQ(fresh[1].wall_ms, 9);
  EXPECT_EQ(fresh[1].who, "dr who");
  ASSERT_TRUE(jobs_.note_decision(fresh[0]));
  ASSERT_TRUE(jobs_.note_decision(fresh[1]));
  EXPECT_TRUE(jobs_.fresh_decisions()->empty());
  ASSERT_TRUE(jobs_.decide(one, Decision::kApproved, 11, "carla"));
  EXPECT_EQ(jobs_.fresh_decisions()->size(), 1u) << "somebody thought better of it";
  std::ofstream(directory_ / "jobs/a.decision") << "approved " << one.manifest.hex();
  EXPECT_EQ(*jobs_.decision(one), Decision::kApproved) << "of a version that kept no more";
  std::ofstream(directory_ / "jobs/b.decision") << "appro";
  EXPECT_EQ(jobs_.fresh_decisions()->size(), 1u);
}

TEST_F(KnownJobsTest, ADamagedRecordIsNoJob) {
  ASSERT_TRUE(jobs_.note(job("a", 1)));
  std::ofstream(directory_ / "jobs/a.json") << "{\"job\": \"a\"}";
  EXPECT_EQ(jobs_.find(JobId{"a"}).error().code, ErrorCode::kDataLoss);
  EXPECT_TRUE(jobs_.all()->empty());
}

TEST_F(KnownJobsTest, NothingIsWrittenBesideTheFolder) {
  EXPECT_FALSE(jobs_.note(job("../a", 1)));
  EXPECT_FALSE(disk_.exists(directory_ / "a.json"));
}

TEST_F(KnownJobsTest, ADenialDoesNotGiveWay) {
  ASSERT_TRUE(jobs_.note(job("denied", 0)));
  ASSERT_TRUE(jobs_.decide(job("denied", 0), Decision::kDenied));
  for (std::size_t i = 1; i <= limits::kJobsKnownMax + 1; ++i)
    ASSERT_TRUE(jobs_.note(job("job-" + std::to_string(i), static_cast<std::int64_t>(i))));
  EXPECT_EQ(*jobs_.decision(*jobs_.find(JobId{"denied"})), Decision::kDenied);
  EXPECT_EQ(jobs_.find(JobId{"job-1"}).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(jobs_.find(JobId{"job-2"}));
}

TEST_F(KnownJobsTest, WhatSomebodyApprovedGivesWayLast) {
  ASSERT_TRUE(jobs_.note(job("approved", 0)));
  ASSERT_TRUE(jobs_.decide(job("approved", 0), Decision::kApproved));
  for (std::size_t i = 1; i <= limits::kJobsKnownMax; ++i)
    ASSERT_TRUE(jobs_.note(job("job-" + std::to_string(i), static_cast<std::int64_t>(i))));
  EXPECT_EQ(*jobs_.decision(*jobs_.find(JobId{"approved"})), Decision::kApproved);
  EXPECT_EQ(jobs_.find(JobId{"job-1"}).error().code, ErrorCode::kNotFound);
}

TEST_F(KnownJobsTest, TheOldestGiveWay) {
  for (std::size_t i = 0; i <= limits::kJobsKnownMax; ++i)
    ASSERT_TRUE(jobs_.note(job("job-" + std::to_string(i), static_cast<std::int64_t>(i))));
  EXPECT_EQ(jobs_.all()->size(), limits::kJobsKnownMax);
  EXPECT_EQ(jobs_.find(JobId{"job-0"}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tributary

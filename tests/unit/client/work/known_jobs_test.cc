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
    return {JobId{id}, "alice", seen, sha256(as_bytes(id)), {}, false, "name: \"\xc3\xa4\"\n"};
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
  EXPECT_EQ(*jobs_.decision(one), Decision::kNone) << "damaged";
}

TEST_F(KnownJobsTest, ADamagedRecordIsNoJob) {
  ASSERT_TRUE(jobs_.note(job("a", 1)));
  std::ofstream(directory_ / "jobs/a.json") << "{\"job\": \"a\"}";
  EXPECT_EQ(jobs_.find(JobId{"a"}).error().code, ErrorCode::kDataLoss);
  EXPECT_TRUE(jobs_.all()->empty());
}

TEST_F(KnownJobsTest, TheOldestGiveWay) {
  for (std::size_t i = 0; i <= limits::kJobsKnownMax; ++i)
    ASSERT_TRUE(jobs_.note(job("job-" + std::to_string(i), static_cast<std::int64_t>(i))));
  EXPECT_EQ(jobs_.all()->size(), limits::kJobsKnownMax);
  EXPECT_EQ(jobs_.find(JobId{"job-0"}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/rerun_rule.h"

#include <gtest/gtest.h>

#include "common/crypto/digest.h"

namespace tributary {
namespace {

std::vector<SiteName> sites(int from, int to) {
  std::vector<SiteName> names;
  for (int i = from; i < to; ++i) names.push_back(SiteName{"s" + std::to_string(100 + i)});
  return names;
}

PastSum sum(std::vector<SiteName> survivors, const char* model = "model") {
  return {{JobId{model}, 1, 1, TaskKind::kTrain},
          sha256(as_bytes(model)),
          sites(0, 12),
          1,
          7,
          std::move(survivors)};
}

TEST(RerunRule, SumsOnOneModelAreTheSameOrFarApart) {
  const std::vector<PastSum> past = {sum(sites(0, 10))};
  EXPECT_FALSE(fault_of_rerun(past, sum(sites(0, 10)), 3));
  EXPECT_TRUE(fault_of_rerun(past, sum(sites(0, 9)), 3));
  EXPECT_TRUE(fault_of_rerun(past, sum(sites(1, 11)), 3)) << "one less and another more";
  EXPECT_FALSE(fault_of_rerun(past, sum(sites(0, 7)), 3));
  EXPECT_FALSE(fault_of_rerun(past, sum(sites(0, 9), "another"), 3));
}

TEST(RerunRule, AThirdSetOnOneModelIsOneTooMany) {
  EXPECT_FALSE(fault_of_rerun({sum(sites(0, 12)), sum(sites(0, 12))}, sum(sites(0, 9)), 3));
  EXPECT_TRUE(fault_of_rerun({sum(sites(0, 12)), sum(sites(0, 9))}, sum(sites(0, 6)), 3));
}

TEST(RerunRule, TheSameRoundOnAnotherModelIsTheSameUpdate) {
  PastSum moved = sum(sites(0, 9), "a bit more");
  moved.key = sum(sites(0, 9)).key;
  EXPECT_TRUE(fault_of_rerun({sum(sites(0, 10))}, moved, 3));
  moved.key.round = 2;
  EXPECT_FALSE(fault_of_rerun({sum(sites(0, 10))}, moved, 3));
}

// Enough of the same sites are asked both times that an honest one is among the signers of both.
TEST(RerunRule, ASumWhoseEndNobodyToldIsNoObstacleAmongTheSameSites) {
  PastSum unknown = sum({});
  unknown.survivors.reset();
  EXPECT_FALSE(fault_of_rerun({unknown}, sum(sites(0, 10)), 3));
  unknown.sharing = sites(6, 18);
  const auto fault = fault_of_rerun({unknown}, sum(sites(0, 10)), 3);
  ASSERT_TRUE(fault);
  EXPECT_EQ(abort_name(fault->reason), "model_again");
}

}  // namespace
}  // namespace tributary

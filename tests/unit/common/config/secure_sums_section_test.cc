// SPDX-License-Identifier: Apache-2.0
// Jobs whose secure sums could never be made are refused before anybody trains for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/job_file.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// What stands in rounds, in privacy.secure_aggregation and in the rest of the job.
std::string fault_of(const std::string& rounds, const std::string& secure,
                     const std::string& rest = "") {
  const auto file = parse_job(
      "name: heart\n"
      "model: logistic\n"
      "data: {dataset: heart, features: [age], label: sick, standardize: none}\n"
      "train: {algorithm: fedavg}\n"
      "rounds: {count: 20, " +
          rounds + "}\nprivacy: {secure_aggregation: {clip: 10" + secure + "}}\n" + rest,
      "job.yaml");
  return file ? "" : file.error().message;
}

TEST(SecureSumsSection, ASumTakesThreeSites) {
  EXPECT_EQ(fault_of("minimum_sites: 3", ""), "");
  EXPECT_THAT(fault_of("minimum_sites: 2", ""), HasSubstr("rounds.minimum_sites: at least 3"));
  EXPECT_THAT(fault_of("minimum_sites: 5, quorum: 2", ""),
              AllOf(HasSubstr("rounds.quorum"), HasSubstr("lets 2 sites be enough"),
                    HasSubstr("at least 3")));
  EXPECT_THAT(fault_of("minimum_sites: 5, target: 2", ""), HasSubstr("rounds.target"));
}

TEST(SecureSumsSection, SharesOfSecretsHaveToHoldAgainstLiarsAndDropOuts) {
  EXPECT_THAT(fault_of("minimum_sites: 5", ", adversarial: 0.9"),
              AllOf(HasSubstr("secure_aggregation.adversarial"), HasSubstr("among 5 sites")));
  EXPECT_THAT(fault_of("minimum_sites: 5", ", dropout: 0.9"),
              HasSubstr("secure_aggregation.adversarial"));
  EXPECT_THAT(fault_of("minimum_sites: 300", ", adversarial: 0.4, dropout: 0.3"),
              HasSubstr("among 300 sites"));
  EXPECT_EQ(fault_of("minimum_sites: 300", ", adversarial: 0.05, dropout: 0.33"), "");
}

TEST(SecureSumsSection, NumbersAreLongEnoughForTheSumOfAll) {
  EXPECT_EQ(fault_of("minimum_sites: 100", ", bits: 16"), "");
  EXPECT_THAT(fault_of("minimum_sites: 3000", ", bits: 16"),
              AllOf(HasSubstr("secure_aggregation.bits"), HasSubstr("use more bits, or groups")));
  EXPECT_THAT(fault_of("minimum_sites: 5, target: 3000", ", bits: 16"), HasSubstr("bits"));
  EXPECT_EQ(fault_of("minimum_sites: 3000", ", bits: 16, group_size: 10"), "");
}

TEST(SecureSumsSection, GroupsAreThereToBeCompared) {
  const std::string median = "aggregate: {rule: median}\n";
  EXPECT_THAT(fault_of("minimum_sites: 5", ", group_size: 2"), HasSubstr("group_size: at least 3"));
  EXPECT_THAT(fault_of("minimum_sites: 5, quorum: 4", ", group_size: 6"),
              AllOf(HasSubstr("rounds.quorum"), HasSubstr("a group takes at least 6")));
  EXPECT_EQ(fault_of("minimum_sites: 5", ", group_size: 5"), "");
  EXPECT_THAT(fault_of("minimum_sites: 5", ", group_size: 3", median),
              AllOf(HasSubstr("rounds.minimum_sites"), HasSubstr("lets 1 groups be enough"),
                    HasSubstr("needs at least 2")));
  EXPECT_EQ(fault_of("minimum_sites: 6", ", group_size: 3", median), "");
  const std::string krum = "aggregate: {rule: {name: krum, byzantine: 1}}\n";
  EXPECT_THAT(fault_of("minimum_sites: 12", ", group_size: 3", krum),
              AllOf(HasSubstr("lets 4 groups be enough"), HasSubstr("needs at least 5")));
  EXPECT_EQ(fault_of("minimum_sites: 15", ", group_size: 3", krum), "");
}

TEST(SecureSumsSection, SitesThatHideTakeSomebodySureToAddNoiseAndNumbersWithRoomForIt) {
  const auto fault = [](const std::string& secure, const std::string& noise) {
    const auto file = parse_job(
        "name: heart\n"
        "model: logistic\n"
        "data: {dataset: heart, features: [age], label: sick, standardize: none}\n"
        "train: {algorithm: fedavg}\n"
        "rounds: {count: 20, minimum_sites: 200, target: 250, quorum: 200}\n"
        "privacy: {secure_aggregation: {" +
            secure +
            "}, sites: {clip: 1, delta: 1e-6, max_epsilon: 50, noise_multiplier: " + noise + "}}\n",
        "job.yaml");
    return file ? std::string() : file.error().message;
  };
  EXPECT_EQ(fault("", "1"), "");
  EXPECT_THAT(fault("adversarial: 0.9, dropout: 0.5", "1"),
              HasSubstr("may work with the coordinator"));
  EXPECT_THAT(fault("bits: 16", "5000"), HasSubstr("numbers of 16 bits are too short"));
}

TEST(SecureSumsSection, AnEmbeddingTellsOfIdsUnlessThereIsNoise) {
  const auto fault = [](const std::string& privacy) {
    const auto file = parse_job(
        "name: words\n"
        "model: {family: embedding_bag, vocabulary: 100}\n"
        "data: {dataset: words, task: classes, classes: 3, input_shape: [8]}\n"
        "train: {algorithm: fedavg}\n"
        "rounds: {count: 20, minimum_sites: 5}\n"
        "privacy: {secure_aggregation: {clip: 10}" +
            privacy + "}\n",
        "job.yaml");
    return file ? std::string() : file.error().message;
  };
  EXPECT_THAT(fault(""), AllOf(HasSubstr("model"), HasSubstr("privacy.records")));
  EXPECT_EQ(fault(", records: {clip: 1, noise_multiplier: 1, delta: 1e-5, max_epsilon: 8}"), "");
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// What a job's section `privacy` promises, and what else in the job would break the promise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/job_file.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kPrivate = R"(name: heart
model: logistic
data:
  dataset: heart
  features: [age, {name: sex, type: categorical, values: [f, m]}]
  label: sick
  standardize: none
train: {algorithm: fedavg}
rounds: {count: 20}
privacy:
  records: {clip: 0.5, noise_multiplier: 1.1, delta: 1e-6, max_epsilon: 3}
)";

std::string fault_with(const std::string& what, const std::string& by) {
  std::string text = kPrivate;
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  const auto file = parse_job(text.replace(at, what.size(), by), "job.yaml");
  return file ? "" : file.error().message;
}

TEST(PrivacySections, RecordsAreRead) {
  const auto file = parse_job(kPrivate, "job.yaml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->spec.privacy.records,
            (RecordPrivacy{.clip = 0.5, .noise_multiplier = 1.1, .delta = 1e-6, .max_epsilon = 3}));
  EXPECT_FALSE(file->spec.privacy.sites);
  EXPECT_EQ(fault_with("algorithm: fedavg", "algorithm: fedprox"), "");
}

TEST(PrivacySections, WhatWouldTellOfRowsIsRefusedWithWhatToWriteInstead) {
  EXPECT_THAT(fault_with("standardize: none", "standardize: federated"),
              AllOf(HasSubstr("data.standardize"), HasSubstr("write standardize: none")));
  EXPECT_THAT(fault_with("standardize: none", "standardize: site"), HasSubstr("data.standardize"));
  EXPECT_THAT(fault_with("  standardize: none\n", ""), HasSubstr("data.standardize"))
      << "as it is by default";
  EXPECT_THAT(fault_with("standardize: none", "standardize: none\n  missing: mean"),
              AllOf(HasSubstr("data.missing"), HasSubstr("drop_row")));
  EXPECT_THAT(fault_with(", values: [f, m]", ""),
              AllOf(HasSubstr("data.features"), HasSubstr("'sex'"), HasSubstr("values: [...]")));
  for (const char* algorithm : {"scaffold", "fednova", "feddyn"}) {
    EXPECT_THAT(fault_with("algorithm: fedavg", std::string("algorithm: ") + algorithm),
                AllOf(HasSubstr("train.algorithm"), HasSubstr("fedavg or fedprox")));
  }
  EXPECT_THAT(fault_with("algorithm: fedavg", "personal: {lambda: 0.1}"),
              HasSubstr("train.personal"));
}

TEST(PrivacySections, NumbersHaveTheirRanges) {
  EXPECT_THAT(fault_with("noise_multiplier: 1.1", "noise_multiplier: 0.001"),
              HasSubstr("privacy.records.noise_multiplier"));
  EXPECT_THAT(fault_with("clip: 0.5", "clip: 0"), HasSubstr("privacy.records.clip"));
  EXPECT_THAT(fault_with("delta: 1e-6", "delta: 1"), HasSubstr("privacy.records.delta"));
  EXPECT_THAT(fault_with(", max_epsilon: 3", ""), HasSubstr("max_epsilon"));
}

TEST(PrivacySections, ArraysHaveNoColumnsThatCouldTell) {
  const auto file = parse_job(R"(name: digits
model: logistic
data: {dataset: digits, task: classes, classes: 10, input_shape: [1, 28, 28]}
train: {algorithm: fedavg}
rounds: {count: 5}
privacy:
  records: {clip: 1, noise_multiplier: 1, delta: 1e-5, max_epsilon: 8}
)",
                              "job.yaml");
  EXPECT_TRUE(file) << (file ? "" : file.error().message);
}

}  // namespace
}  // namespace tributary

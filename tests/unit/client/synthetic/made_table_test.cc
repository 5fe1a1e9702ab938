// SPDX-License-Identifier: Apache-2.0
#include "client/synthetic/made_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr const char* kMetadata =
    R"([{"column": "age", "mean": 50.0, "deviation": 10.0},
        {"column": "sex", "word": "f"}, {"column": "sex", "word": "m"},
        {"column": "site, of", "word": "a \"b\""},
        {"column": "weight"}])";

DataSpec spec_of() {
  DataSpec spec;
  spec.target = TargetKind::kUnlabelled;
  for (const char* name : {"age", "sex", "site, of", "weight"}) {
    spec.features.emplace_back().name = name;
    const bool words = spec.features.size() == 2 || spec.features.size() == 3;
    if (words) spec.features.back().kind = FeatureKind::kCategorical;
  }
  return spec;
}

ExampleSet two_rows() {
  return {{5}, 2, {1.25F, 0.0F, 1.0F, 1.0F, 70.5F, -0.06F, 1.0F, 0.0F, 1.0F, -0.0F}, {}, {}};
}

TEST(MadeTable, NumbersGetTheirUnitsAndInputsTheirWords) {
  const auto inputs = inputs_of_metadata(kMetadata);
  ASSERT_TRUE(inputs) << inputs.error().message;
  const auto csv = csv_of(two_rows(), spec_of(), *inputs, {{"age"}});
  ASSERT_TRUE(csv) << csv.error().message;
  EXPECT_EQ(*csv,
            "age,sex,\"site, of\",weight\n"
            "63,m,\"a \"\"b\"\"\",70.5\n"
            "49,f,\"a \"\"b\"\"\",0\n");
  EXPECT_THAT(*csv_of(two_rows(), spec_of(), *inputs, {}), HasSubstr("62.5,m,"));
  const auto groups = word_groups(*inputs);
  ASSERT_EQ(groups.size(), 1u) << "one word alone leaves nothing to choose";
  EXPECT_EQ(groups[0].first, 1u);
  EXPECT_EQ(groups[0].count, 2u);
  const DataPlan plan = plan_of(*inputs);
  EXPECT_EQ(plan.numeric.at("age").mean, 50.0);
  EXPECT_EQ(plan.vocabularies.at("sex"), (std::vector<std::string>{"f", "m"}));
}

TEST(MadeTable, WhatIsNotTheJobsIsRefused) {
  const auto inputs = *inputs_of_metadata(kMetadata);
  EXPECT_THAT(csv_of(two_rows(), spec_of(), inputs, {{"sex"}}).error().message,
              HasSubstr("no numeric column 'sex'"));
  DataSpec other = spec_of();
  other.features[0].name = "years";
  EXPECT_THAT(csv_of(two_rows(), other, inputs, {}).error().message, HasSubstr("'years'"));
  other = spec_of();
  other.features.pop_back();
  EXPECT_FALSE(csv_of(two_rows(), other, inputs, {}));
  other = spec_of();
  other.standardize = Standardize::kSite;
  EXPECT_THAT(csv_of(two_rows(), other, inputs, {}).error().message, HasSubstr("units"));
  for (const char* wrong : {"", "{}", "[]", "[1]", R"([{"word": "a"}])",
                            R"([{"column": "a", "mean": 1, "deviation": 0}])",
                            R"([{"column": "a", "mean": "1", "deviation": 2}])"}) {
    const auto read = inputs_of_metadata(wrong);
    ASSERT_FALSE(read) << wrong;
    EXPECT_EQ(read.error().code, ErrorCode::kDataLoss);
  }
}

}  // namespace
}  // namespace tributary

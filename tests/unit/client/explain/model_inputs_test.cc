// SPDX-License-Identifier: Apache-2.0
#include "client/explain/model_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/tensor/safetensors.h"

namespace tributary {
namespace {

using testing::HasSubstr;

DataSpec patients() {
  DataSpec data;
  for (const char* name : {"age", "ward", "sex"}) data.features.emplace_back().name = name;
  data.features[1].kind = FeatureKind::kCategorical;
  data.features[1].drop_first = true;
  data.features[2].kind = FeatureKind::kCategorical;
  data.features[2].vocabulary = {"f", "m"};
  return data;
}

// As tributaryctl writes it: the first word of `ward` has no input and is not told.
constexpr const char* kInputs = R"([{"column": "age", "mean": 61.5, "deviation": 2.0},
  {"column": "ward", "word": "B"}, {"column": "ward", "word": "C"},
  {"column": "sex", "word": "f"}, {"column": "sex", "word": "m"}])";

TEST(ModelInputs, ThePlanIsWhatTheModelSaysOfItself) {
  const auto plan = plan_of_model(patients(), {{"tributary.inputs", kInputs}});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->numeric.at("age"), (NumericPlan{61.5, 2.0}));
  EXPECT_EQ(plan->vocabularies.at("sex"), (std::vector<std::string>{"f", "m"}));
  const auto inputs = input_columns(patients(), *plan);
  ASSERT_EQ(inputs.size(), 5u);
  EXPECT_EQ(inputs[1].word, "B");
  EXPECT_EQ(inputs[2].word, "C");
}

TEST(ModelInputs, OfAnotherJobIsRefused) {
  for (const char* wrong :
       {"{}", "[]", "7", "not json", R"([{"word": "B"}])", R"([{"column": 3}])",
        R"([{"column": "age", "word": 3}])",
        R"([{"column": "age", "mean": 1, "deviation": 1}, {"column": "height"}])",
        R"([{"column": "age", "mean": 1, "deviation": 1}, {"column": "ward", "word": "B"},
            {"column": "sex", "word": "m"}, {"column": "sex", "word": "f"}])"}) {
    const auto plan = plan_of_model(patients(), {{"tributary.inputs", wrong}});
    ASSERT_FALSE(plan) << wrong;
    EXPECT_THAT(plan.error().message, HasSubstr("tributary.inputs")) << wrong;
  }
}

TEST(ModelInputs, WithoutThemThePlanIsWhatTheJobFixes) {
  const auto missing = plan_of_model(patients(), {});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("tributaryctl model get"));
  DataSpec fixed = patients();
  fixed.features.erase(fixed.features.begin() + 1);
  EXPECT_FALSE(plan_of_model(fixed, {})) << "the mean of age was agreed on";
  fixed.standardize = Standardize::kSite;
  const auto plan = plan_of_model(fixed, {});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->vocabularies.at("sex").size(), 2u);
  DataSpec digits;
  digits.input_shape = {1, 28, 28};
  EXPECT_TRUE(plan_of_model(digits, {}));
}

TEST(ModelInputs, AFileGivesValuesAndMetadata) {
  const Model model{{{{"weight", {2}}}}, {1.0F, 2.0F}};
  const auto file = read_model_file(encode_safetensors(model, {{"tributary.job", "x-1"}}));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->model, model);
  EXPECT_EQ(file->metadata.at("tributary.job"), "x-1");
  EXPECT_FALSE(read_model_file(as_bytes("no model")));
}

}  // namespace
}  // namespace tributary

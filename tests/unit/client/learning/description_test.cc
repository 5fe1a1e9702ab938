// SPDX-License-Identifier: Apache-2.0
#include "client/learning/description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/learning/learner.h"
#include "tests/unit/client/learning/family_tasks.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using Sizes = std::vector<std::int64_t>;

TEST(Description, TellsEachTensorItsSizeAndWhatBecomesOfIt) {
  JobSpec job = family_job("mlp", {{"hidden", Sizes{6}}}, TargetKind::kClasses);
  job.data.classes = 3;
  const Model model = *initial_model(job, {5}, {});
  job.transfer.freeze = {"hidden1.*"};
  job.train.keep_local = {"output.bias"};
  EXPECT_EQ(describe(job, model.layout, {5}),
            "model mlp\n"
            "  hidden1.weight  [6, 5]           30  frozen\n"
            "  hidden1.bias    [6]               6  frozen\n"
            "  output.weight   [3, 6]           18  trained\n"
            "  output.bias     [3]               3  stays at the site\n"
            "parameters  57 in 4 tensors, 18 of them trained by all sites\n"
            "bytes       228 (228 bytes), as float32\n"
            "input       [5], one example\n"
            "output      [3]\n");
  job.transfer = {false, {}, LoraSpec{2, 4.0, {"hidden1.weight"}}};
  const std::string adapted = describe(job, model.layout, {5});
  EXPECT_THAT(adapted, HasSubstr("30  frozen, with adapters"));
  EXPECT_THAT(adapted, HasSubstr("57 in 4 tensors, 46 of them trained"));  // 22 of the adapters
}

TEST(Description, TellsStatisticsOfBatchesAndLabelsAtPlaces) {
  JobSpec job = family_job("unet", {{"channels", Sizes{2, 4}}, {"norm", std::string("batch")}},
                           TargetKind::kSegmentation);
  job.data.target_shape = {8, 4};
  const Model model = *initial_model(job, {1, 8, 4}, {});
  const std::string said = describe(job, model.layout, {1, 8, 4});
  EXPECT_THAT(said, HasSubstr("statistic of the batches"));
  EXPECT_THAT(said, HasSubstr("output      [2, 8, 4]\n"));
}

TEST(Description, TheShapeOfAnExampleFollowsFromTheJobWhereItSaysIt) {
  DataSpec data;
  data.features = {{"age", FeatureKind::kNumeric, {}},
                   {"sex", FeatureKind::kCategorical, {"f", "m"}, true}};
  EXPECT_EQ(*input_shape_of(data), (Sizes{2}));
  data.windows.emplace();
  data.windows->length = 9;
  EXPECT_EQ(*input_shape_of(data), (Sizes{9, 2}));
  data.features.push_back({"ward", FeatureKind::kCategorical, {}});
  const auto open = input_shape_of(data);
  ASSERT_FALSE(open);
  EXPECT_THAT(open.error().message, HasSubstr("'ward'; list them as values"));
  data.input_shape = {1, 28, 28};
  EXPECT_EQ(*input_shape_of(data), (Sizes{1, 28, 28}));
  EXPECT_FALSE(input_shape_of(DataSpec{}));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// What people of a site are shown of its data.
#include "client/data/description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class Description : public testing::Test {
 protected:
  DatasetSource csv(const std::string& text) {
    std::ofstream(directory_ / "a.csv", std::ios::binary) << text;
    return {"csv",
            {{"path", directory_ / "a.csv"},
             {"validation_path", std::string()},
             {"missing", std::vector<std::string>{"", "?"}}}};
  }

  TemporaryDirectory directory_;
  DataSpec spec_;
  std::string detail_;
};

TEST_F(Description, ATableByItsColumns) {
  spec_.label = "sick";
  spec_.features = {{"age", FeatureKind::kNumeric, {}, false, {}, {}},
                    {"ward", FeatureKind::kCategorical, {"a", "b"}, false, {}, {}}};
  spec_.validation_fraction = 0.5;
  DatasetSource source =
      csv("age,ward,sick\n60,a,1\n-4,b,0\n?,a,1\n10,zz,1\n5,,0\n7,a,\nten,a,1\n");
  source.faulty_records_max = 0.2;
  const auto found = describe_dataset(source, spec_, 1, &detail_);
  ASSERT_TRUE(found) << detail_;
  EXPECT_EQ(found->training_rows + found->validation_rows, 3u);
  EXPECT_EQ(found->dropped_rows, 3u);
  EXPECT_EQ(found->faulty_rows, 1u);
  EXPECT_THAT(found->faulty_places, ElementsAre(HasSubstr("line 8")));
  ASSERT_EQ(found->columns.size(), 2u);
  const SeenValues& age = found->columns[0].numbers;
  EXPECT_EQ(found->columns[0].missing, 1u);
  EXPECT_EQ(age.count, 4u);
  EXPECT_EQ(age.least, -4);
  EXPECT_EQ(age.most, 60);
  EXPECT_DOUBLE_EQ(age.mean, 71.0 / 4.0);
  EXPECT_THAT(found->columns[1].words, ElementsAre(Pair("a", 2u), Pair("b", 1u)));
  EXPECT_EQ(found->columns[1].missing, 1u);
  EXPECT_EQ(found->columns[1].other_words, 1u);
  EXPECT_THAT(found->classes, ElementsAre(Pair(0, 2u), Pair(1, 3u)));
}

TEST_F(Description, ArraysByTheirRange) {
  std::ofstream(directory_ / "i", std::ios::binary)
      << std::string("\0\0\x08\x02\0\0\0\x02\0\0\0\x02\x05\x09\x01\x01", 16);
  std::ofstream(directory_ / "l", std::ios::binary)
      << std::string("\0\0\x08\x01\0\0\0\x02\x01\x01", 10);
  spec_.input_shape = {2};
  const auto found = describe_dataset({"idx",
                                       {{"images", directory_ / "i"},
                                        {"labels", directory_ / "l"},
                                        {"validation_images", std::string()},
                                        {"validation_labels", std::string()}}},
                                      spec_, 1, &detail_);
  ASSERT_TRUE(found) << detail_;
  EXPECT_EQ(found->inputs.count, 4u);
  EXPECT_EQ(found->inputs.least, 1);
  EXPECT_EQ(found->inputs.most, 9);
  EXPECT_DOUBLE_EQ(found->inputs.mean, 4);
  EXPECT_THAT(found->classes, ElementsAre(Pair(1, 2u)));
}

TEST_F(Description, AFaultNamesItsPlaceForTheSite) {
  spec_.label = "sick";
  spec_.features = {{"age", FeatureKind::kNumeric, {}, false, {}, {}}};
  EXPECT_FALSE(describe_dataset(csv("age,sick\nx,1\n"), spec_, 1, &detail_));
  EXPECT_THAT(detail_, HasSubstr("a.csv, line 2"));
}

}  // namespace
}  // namespace tributary

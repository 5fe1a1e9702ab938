// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <ranges>

#include "client/data/dataset.h"
#include "client/data/hospital_generator.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

TEST(HospitalGenerator, TheSeedDecidesEveryByte) {
  const auto first = generate_hospitals(3, 50, 7), again = generate_hospitals(3, 50, 7),
             other = generate_hospitals(3, 50, 8);
  ASSERT_EQ(first.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(first[i].csv, again[i].csv);
    EXPECT_NE(first[i].csv, other[i].csv);
  }
  EXPECT_EQ(std::ranges::count(first[0].csv, '\n'), 51);
  EXPECT_EQ(generate_hospitals(1, 50, 7)[0].csv, first[0].csv)
      << "a site does not depend on how many there are";
}

// What the quickstart relies on: the files load, hospitals differ in case mix, some cells are
// empty.
TEST(HospitalGenerator, HospitalsLoadAndDiffer) {
  const TemporaryDirectory directory;
  DataSpec spec;
  spec.label = "readmitted";
  spec.validation_fraction = 0.0;
  spec.missing = MissingValues::kMean;
  for (const char* name : {"age", "pressure", "creatinine", "haemoglobin", "stay"}) {
    spec.features.push_back({name, FeatureKind::kNumeric, {}, false, {}, {}});
  }
  for (const char* name : {"sex", "smoker", "diabetes", "admission"}) {
    spec.features.push_back({name, FeatureKind::kCategorical, {}, false, {}, {}});
  }
  std::vector<DataSummary> told;
  for (const HospitalFile& file : generate_hospitals(4, 900, 7)) {
    const std::string path = directory / (file.site + ".csv");
    std::ofstream(path) << file.csv;
    std::string detail;
    const auto summary = summarize_dataset({"csv",
                                            {{"path", path},
                                             {"validation_path", std::string()},
                                             {"header", true},
                                             {"columns", std::vector<std::string>{}},
                                             {"delimiter", std::string(",")},
                                             {"missing", std::vector<std::string>{""}}}},
                                           spec, 1, &detail);
    ASSERT_TRUE(summary) << detail;
    EXPECT_LT(summary->numeric.at("creatinine").count, summary->training_rows);
    EXPECT_EQ(summary->categories.at("admission").size(), 3u);
    const auto ill = std::ranges::count_if(std::views::split(file.csv, '\n'), [](auto line) {
      return std::string_view(line.begin(), line.end()).ends_with(",1");
    });
    EXPECT_GT(static_cast<double>(ill), 0.05 * static_cast<double>(summary->training_rows));
    EXPECT_LT(static_cast<double>(ill), 0.6 * static_cast<double>(summary->training_rows));
    told.push_back(*summary);
  }
  EXPECT_GT(told[3].numeric.at("age").mean, told[0].numeric.at("age").mean + 10.0);
  EXPECT_GT(told[0].training_rows, 2 * told[2].training_rows);
}

}  // namespace
}  // namespace tributary

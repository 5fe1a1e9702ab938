// SPDX-License-Identifier: Apache-2.0
#include "client/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class CsvDataset : public testing::Test {
 protected:
  void SetUp() override {
    spec_.dataset = "patients";
    spec_.label = "sick";
    spec_.features = {{"age", FeatureKind::kNumeric, {}, false, {}, {}},
                      {"ward", FeatureKind::kCategorical, {}, false, {}, {}}};
    spec_.validation_fraction = 0.0;
    spec_.minimum_category_count = 1;
  }
  DatasetSource source(const std::string& csv) {
    std::ofstream(directory_ / "secret-path.csv", std::ios::binary) << csv;
    return {"csv",
            {{"path", directory_ / "secret-path.csv"},
             {"validation_path", std::string()},
             {"header", true},
             {"columns", std::vector<std::string>{}},
             {"delimiter", std::string(",")},
             {"missing", std::vector<std::string>{"", "?"}}}};
  }
  Result<SiteExamples> load(const std::string& csv, const DataPlan& plan) {
    return load_dataset(source(csv), spec_, plan, 1, &detail_);
  }
  std::string fault(const std::string& csv) {
    const auto summary = summarize_dataset(source(csv), spec_, 1, &detail_);
    return summary ? "" : summary.error().message;
  }

  TemporaryDirectory directory_;
  DataSpec spec_;
  std::string detail_;
  const DataPlan plan_{{{"age", {50.0, 10.0}}}, {{"ward", {"a", "b"}}}};
};

TEST_F(CsvDataset, ReadsQuotesLineEndsAndAByteOrderMark) {
  const auto site =
      load("\xef\xbb\xbfname,age,ward,sick\r\n\"x, \"\"y\"\"\",60,a,1\r\nz, 40 ,b,0\r\n", plan_);
  ASSERT_TRUE(site) << site.error().message << detail_;
  EXPECT_EQ(site->training.rows, 2);
  EXPECT_EQ(site->training.input_shape, (std::vector<std::int64_t>{3}));
  EXPECT_THAT(site->training.inputs, ElementsAre(1.0f, 1.0f, 0.0f, -1.0f, 0.0f, 1.0f));
  EXPECT_THAT(site->training.labels, ElementsAre(1, 0));
}

TEST_F(CsvDataset, SummaryIsThatOfTheTrainingRowsInDoublePrecision) {
  const auto summary =
      summarize_dataset(source("age,ward,sick\n1,a,0\n2,a,1\n4,b,1\n"), spec_, 1, &detail_);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->training_rows, 3u);
  const double mean = 7.0 / 3.0;
  EXPECT_NEAR(summary->numeric.at("age").mean, mean, 1e-12);
  EXPECT_NEAR(summary->numeric.at("age").squared_deviations,
              std::pow(1 - mean, 2) + std::pow(2 - mean, 2) + std::pow(4 - mean, 2), 1e-12);
  EXPECT_EQ(summary->categories.at("ward").at("a"), 2u);
}

TEST_F(CsvDataset, RareWordsAreNotNamed) {
  spec_.minimum_category_count = 2;
  const auto summary =
      summarize_dataset(source("age,ward,sick\n1,a,0\n2,a,1\n4,rare,1\n"), spec_, 1, &detail_);
  EXPECT_EQ(summary->categories.at("ward").size(), 1u);
}

TEST_F(CsvDataset, MissingValuesAreDroppedOrReplacedByTheMean) {
  const std::string csv = "age,ward,sick\n60,a,1\n?,b,0\n40,,1\n70,zz,0\n";
  const auto dropped = load(csv, plan_);
  EXPECT_EQ(dropped->training.rows, 2);
  EXPECT_EQ(dropped->dropped_rows, 2u);
  spec_.missing = MissingValues::kMean;
  const auto kept = load(csv, plan_);
  EXPECT_EQ(kept->training.rows, 4);
  EXPECT_THAT(kept->training.inputs, ElementsAre(1, 1, 0, 0, 0, 1, -1, 0, 0, 2, 0, 0));
}

TEST_F(CsvDataset, RowsWithoutALabelAreLeftOut) {
  EXPECT_EQ(load("age,ward,sick\n60,a,\n50,a,1\n", plan_)->training.rows, 1);
}

TEST_F(CsvDataset, TheSitesOwnStatisticsAndDropFirst) {
  spec_.standardize = Standardize::kSite;
  spec_.features[1].drop_first = true;
  const auto site =
      load("age,ward,sick\n10,a,0\n20,b,1\n30,b,1\n", DataPlan{{}, {{"ward", {"a", "b"}}}});
  ASSERT_TRUE(site);
  EXPECT_THAT(site->training.inputs, ElementsAre(-1, 0, 0, 1, 1, 1)) << "sample deviation 10";
}

TEST_F(CsvDataset, TheSplitFollowsTheSeedAndKeepsEveryRowOnce) {
  spec_.validation_fraction = 0.3;
  std::string csv = "age,ward,sick\n";
  for (int i = 0; i < 50; ++i) csv += std::to_string(i) + ",a," + std::to_string(i % 2) + "\n";
  const auto first = load_dataset(source(csv), spec_, plan_, 1, &detail_);
  const auto again = load_dataset(source(csv), spec_, plan_, 1, &detail_);
  const auto other = load_dataset(source(csv), spec_, plan_, 2, &detail_);
  EXPECT_EQ(first->validation.rows, 15);
  EXPECT_EQ(first->training.rows, 35);
  EXPECT_EQ(first->validation.inputs, again->validation.inputs);
  EXPECT_NE(first->validation.inputs, other->validation.inputs);
}

TEST_F(CsvDataset, FaultsNameTheColumnAndNeverWhatMustStay) {
  const std::string secret = "Jane-Roe-1971";
  for (const auto& [csv, said] : std::vector<std::pair<std::string, std::string>>{
           {"age,ward,sick\n" + secret + ",a,1\n", "column 'age'"},
           {"age,ward,sick\n60,a," + secret + "\n", "column 'sick'"},
           {"age,sick\n60,1\n", "column 'ward'"},
           {"age,ward,sick\n60,a\n", "2 cells, not 3"},
           {"age,ward,sick\n60,\"a,1\n" + secret, "quote"},
           {"age,ward,sick\n60," + std::string(100, 'x') + secret + ",1\n", "column 'ward'"},
           {"", "empty"}}) {
    const std::string message = fault(csv);
    EXPECT_THAT(message, HasSubstr(said));
    EXPECT_THAT(message, Not(HasSubstr(secret)));
    EXPECT_THAT(message, Not(HasSubstr("secret-path"))) << "the path stays too";
    EXPECT_THAT(detail_, HasSubstr("secret-path")) << "but the site's own log has it";
  }
}

TEST_F(CsvDataset, AMissingFileIsToldWithoutItsPath) {
  DatasetSource gone = source("");
  gone.options["path"] = directory_ / "nowhere.csv";
  const auto summary = summarize_dataset(gone, spec_, 1, &detail_);
  ASSERT_FALSE(summary);
  EXPECT_THAT(summary.error().message, Not(HasSubstr("nowhere")));
  EXPECT_THAT(detail_, HasSubstr("nowhere.csv"));
}

}  // namespace
}  // namespace tributary

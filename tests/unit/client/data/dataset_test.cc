// SPDX-License-Identifier: Apache-2.0
#include "client/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
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

// For objectives that have a use for them; what judges the model needs its labels.
TEST_F(CsvDataset, RowsWithoutALabelTrainWhereTheJobKeepsThem) {
  std::string csv = "age,ward,sick\n";
  for (int i = 0; i < 40; ++i) csv += std::to_string(i) + ",a," + (i % 4 == 0 ? "1" : "?") + "\n";
  spec_.validation_fraction = 0.5;
  const auto without = load(csv, plan_);
  ASSERT_TRUE(without) << without.error().message << detail_;
  EXPECT_EQ(without->training.rows + without->validation.rows, 10);
  EXPECT_EQ(without->dropped_rows, 30u);
  spec_.keep_unlabelled = true;
  const auto with = load(csv, plan_);
  ASSERT_TRUE(with) << with.error().message << detail_;
  EXPECT_EQ(with->training.rows, 20);
  const auto labelled = std::ranges::count(with->training.labels, 1);
  EXPECT_EQ(std::ranges::count(with->training.labels, -1), 20 - labelled);
  EXPECT_EQ(with->validation.rows, 10 - labelled);
  EXPECT_EQ(std::ranges::count(with->validation.labels, -1), 0);
  EXPECT_EQ(with->dropped_rows, static_cast<std::uint64_t>(20 - with->validation.rows));
  const auto summary = summarize_dataset(source(csv), spec_, 1, &detail_);
  EXPECT_EQ(summary->training_rows, 20u);
  EXPECT_EQ(summary->validation_rows, static_cast<std::uint64_t>(with->validation.rows));
}

TEST_F(CsvDataset, ReadsQuotesLineEndsAndAByteOrderMark) {
  const auto site =
      load("\xef\xbb\xbfname,age,ward,sick\r\n\"x, \"\"y\"\"\",60,a,1\r\nz, 40 ,b,0\r\n", plan_);
  ASSERT_TRUE(site) << site.error().message << detail_;
  EXPECT_EQ(site->training.rows, 2);
  EXPECT_EQ(site->training.input_shape, (std::vector<std::int64_t>{3}));
  EXPECT_THAT(site->training.inputs, ElementsAre(1.0f, 1.0f, 0.0f, -1.0f, 0.0f, 1.0f));
  EXPECT_THAT(site->training.labels, ElementsAre(1, 0));
}

TEST_F(CsvDataset, ATaskWithoutLabelsNeedsNoColumnOfThem) {
  const std::string csv = "age,ward\n60,a\n40,b\n";
  EXPECT_THAT(fault(csv), HasSubstr("'sick'"));
  spec_.target = TargetKind::kUnlabelled;
  spec_.label = "";
  const auto site = load(csv, plan_);
  ASSERT_TRUE(site) << site.error().message << detail_;
  EXPECT_EQ(site->training.rows, 2);
  EXPECT_THAT(site->training.inputs, ElementsAre(1.0f, 1.0f, 0.0f, -1.0f, 0.0f, 1.0f));
  EXPECT_TRUE(site->training.labels.empty());
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

TEST_F(CsvDataset, WordsThatNobodyAgreedOnAreCounted) {
  spec_.validation_fraction = 0.25;
  std::string csv = "age,ward,sick\n";
  for (int i = 0; i < 4; ++i) csv += "60,zz,1\n";
  const auto site = load(csv + "?,zz,1\n60,a,0\n60,b,0\n60,a,0\n", plan_);
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->unknown_words, 4u) << "of training and validation, not of the dropped row";
  spec_.features[1].vocabulary = {"a"};
  EXPECT_EQ(load("age,ward,sick\n60,a,1\n60,b,1\n60,,1\n", plan_)->unknown_words, 1u);
}

TEST_F(CsvDataset, RowsWithoutALabelAreLeftOut) {
  const auto site = load("age,ward,sick\n60,a,\n50,a,1\n50,,1\n", plan_);
  EXPECT_EQ(site->training.rows, 1);
  EXPECT_EQ(site->dropped_rows, 2u);
}

// The label's column is one as all others are, or is not read.
TEST_F(CsvDataset, RowsOfAJobWithoutLabelsNeedNone) {
  spec_.target = TargetKind::kUnlabelled;
  spec_.label.clear();
  const auto site = load("age,ward,sick\n60,a,1\n40,b,\n?,b,0\n", plan_);
  ASSERT_TRUE(site) << site.error().message;
  EXPECT_EQ(site->training.rows, 2);
  EXPECT_EQ(site->dropped_rows, 1u);
  EXPECT_THAT(site->training.inputs, ElementsAre(1.0f, 1.0f, 0.0f, -1.0f, 0.0f, 1.0f));
  EXPECT_TRUE(site->training.labels.empty());
  EXPECT_TRUE(site->training.targets.empty());
}

TEST_F(CsvDataset, TheSitesValidationFileReplacesTheSplit) {
  spec_.validation_fraction = 0.5;
  DatasetSource both = source("age,ward,sick\n60,a,1\n?,a,1\n70,b,0\n");
  std::ofstream(directory_ / "v.csv") << "sick,age,ward\n1,40,b\n,40,b\n";
  both.options["validation_path"] = directory_ / "v.csv";
  const auto site = load_dataset(both, spec_, plan_, 1, &detail_);
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.inputs, ElementsAre(1, 1, 0, 2, 0, 1));
  EXPECT_THAT(site->validation.inputs, ElementsAre(-1, 0, 1));
  EXPECT_EQ(site->dropped_rows, 2u) << "one of each file";
  const auto summary = summarize_dataset(both, spec_, 1, &detail_);
  EXPECT_EQ(summary->training_rows, 2u);
  EXPECT_EQ(summary->validation_rows, 1u);
}

// Sums of the naive formula would lose every digit here: a mean of 1e9 with a deviation near 1.
TEST_F(CsvDataset, StandardisationAgreesWithATwoPassReference) {
  spec_.features.resize(1);
  spec_.standardize = Standardize::kSite;
  std::string csv = "age,sick\n";
  std::vector<long double> values;
  for (int i = 0; i < 1000; ++i) {
    values.push_back(1'000'000'000.0L + static_cast<long double>(i * 7919 % 1000) / 256.0L);
    csv += std::to_string(static_cast<double>(values.back())) + ",1\n";
  }
  long double mean = 0, squares = 0;
  for (const long double x : values) mean += x / 1000.0L;
  for (const long double x : values) squares += (x - mean) * (x - mean);
  const long double deviation = std::sqrt(squares / 999.0L);
  const auto site = load(csv, {});
  ASSERT_TRUE(site) << detail_;
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(site->training.inputs[i], static_cast<double>((values[i] - mean) / deviation),
                1e-5);
  }
}

TEST_F(CsvDataset, LabelsAreRead) {
  const std::string csv = "age,ward,sick\n1,a,0\n2,a,3\n3,b,1\n";
  spec_.positive_above = 0.5;
  EXPECT_THAT(load(csv, plan_)->training.labels, ElementsAre(0, 1, 1));
  spec_.positive_above.reset();
  EXPECT_THAT(fault(csv), HasSubstr("none of the classes 0 to 1"));
  spec_.target = TargetKind::kClasses;
  spec_.classes = 4;
  EXPECT_THAT(load(csv, plan_)->training.labels, ElementsAre(0, 3, 1));
  spec_.label_values = {"3", "0", "1"};
  EXPECT_THAT(load(csv, plan_)->training.labels, ElementsAre(1, 0, 2));
  spec_.label_values = {"3", "0"};
  EXPECT_THAT(fault(csv), HasSubstr("not among data.label.values"));
  spec_.label_values.clear();
  spec_.target = TargetKind::kRegression;
  const auto site = load(csv, plan_);
  EXPECT_THAT(site->training.targets, ElementsAre(0, 3, 1));
  EXPECT_TRUE(site->training.labels.empty());
  EXPECT_THAT(fault("age,ward,sick\n1,a,1e300\n"), HasSubstr("too large"));
}

TEST_F(CsvDataset, AJobsOwnVocabularyAndConstantsNeedNoPlan) {
  spec_.standardize = Standardize::kConstants;
  spec_.features[0].mean = 40.0;
  spec_.features[0].deviation = 4.0;
  spec_.features[1].vocabulary = {"b", "a"};
  const auto site = load("age,ward,sick\n44,a,1\n40,other,0\n", {});
  ASSERT_TRUE(site) << site.error().message;
  EXPECT_THAT(site->training.inputs, ElementsAre(1, 0, 1, 0, 0, 0));
}

TEST_F(CsvDataset, StatisticsThatAreNotThereAreNotMadeUp) {
  const auto said = [this](const std::string& csv, const DataPlan& plan) {
    const auto site = load(csv, plan);
    return site ? "none" : site.error().message;
  };
  const std::string one = "age,ward,sick\n50,a,1\n?,b,0\n";
  const DataPlan words{{}, {{"ward", {"a", "b"}}}};
  EXPECT_THAT(said(one, words), HasSubstr("no mean and deviation for column 'age'"));
  EXPECT_THAT(said(one, {{{"age", {0, 1}}}, {}}), HasSubstr("no vocabulary for column 'ward'"));
  EXPECT_THAT(said("age,ward,sick\n1e300,a,1\n", plan_), HasSubstr("too large"));
  spec_.standardize = Standardize::kSite;
  EXPECT_THAT(said(one, words), HasSubstr("fewer than 2 values"));
  spec_.standardize = Standardize::kNone;
  EXPECT_EQ(said(one, words), "none");
  spec_.missing = MissingValues::kMean;
  EXPECT_THAT(load(one, words)->training.inputs, ElementsAre(50, 1, 0, 50, 0, 1));
  EXPECT_THAT(said("age,ward,sick\n?,a,1\n", words), HasSubstr("fewer than 1 values"));
  spec_.features = {spec_.features[1]};
  spec_.features[0].drop_first = true;
  EXPECT_THAT(said("ward,sick\na,1\n", {{}, {{"ward", {"a"}}}}), HasSubstr("make 0 columns"));
}

// Cleveland of the UCI heart disease set; counts as published.
TEST_F(CsvDataset, RealHeartDiseaseHasItsKnownSizes) {
  const std::string path =
      std::string(TRIBUTARY_SOURCE_DIR) + "/../shared/data/heart/processed.cleveland.data";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path << " here";
  DatasetSource heart = source("");
  heart.options["path"] = path;
  heart.options["header"] = false;
  heart.options["columns"] =
      std::vector<std::string>{"age", "sex",   "cp",      "trestbps", "chol", "fbs",  "restecg",
                               "hr",  "exang", "oldpeak", "slope",    "ca",   "thal", "num"};
  spec_.label = "num";
  spec_.positive_above = 0.5;
  spec_.features = {{"age", FeatureKind::kNumeric, {}, false, {}, {}},
                    {"ca", FeatureKind::kNumeric, {}, false, {}, {}},
                    {"thal", FeatureKind::kCategorical, {}, false, {}, {}}};
  const auto summary = summarize_dataset(heart, spec_, 1, &detail_);
  ASSERT_TRUE(summary) << detail_;
  EXPECT_EQ(summary->training_rows, 297u) << "303 less four without ca and two without thal";
  EXPECT_EQ(summary->categories.at("thal").size(), 3u);
  const auto plan = agree_on_plan(spec_, {{"cleveland", *summary}});
  spec_.missing = MissingValues::kMean;
  const auto site = load_dataset(heart, spec_, *plan, 1, &detail_);
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 303);
  EXPECT_EQ(std::ranges::count(site->training.labels, 1), 139);
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
    EXPECT_THAT(detail_, Not(HasSubstr(secret)));
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

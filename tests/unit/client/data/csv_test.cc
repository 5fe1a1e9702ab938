// SPDX-License-Identifier: Apache-2.0
// The csv loader alone: what it reads, what it refuses, and what of a fault leaves the site.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "client/data/loader.h"
#include "common/base/limits.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Csv : public testing::Test {
 protected:
  void SetUp() override {
    spec_.label = "sick";
    spec_.features = {{"age", FeatureKind::kNumeric, {}, false, {}, {}}};
    options_ = {{"path", directory_ / "private.csv"},
                {"validation_path", std::string()},
                {"header", true},
                {"columns", std::vector<std::string>{}},
                {"delimiter", std::string(",")},
                {"missing", std::vector<std::string>{"", "?"}}};
  }
  void put(const std::string& bytes) {
    std::ofstream(directory_ / "private.csv", std::ios::binary) << bytes;
  }
  Result<Table> load() {
    LoadContext context;
    context.faulty = FaultyRecords(faulty_records_max_);
    auto raw = (*find_loader("csv"))->load(options_, spec_, context);
    detail_ = context.local_detail;
    faulty_ = context.faulty;
    if (!raw) return std::move(raw).error();
    return std::get<Table>(std::move(raw->rows));
  }
  std::vector<double> ages(const std::string& bytes) {
    put(bytes);
    const auto table = load();
    EXPECT_TRUE(table) << detail_;
    return table ? table->features[0].numbers : std::vector<double>{};
  }
  std::string fault(const std::string& bytes) {
    put(bytes);
    const auto table = load();
    return table ? "none" : table.error().message;
  }

  TemporaryDirectory directory_;
  DataSpec spec_;
  OptionMap options_;
  std::string detail_;
  double faulty_records_max_ = 0.0;
  FaultyRecords faulty_;
};

TEST_F(Csv, AByteOrderMarkMayStandBeforeAQuote) {
  EXPECT_THAT(ages("\xef\xbb\xbf\"age\",\"sick\"\r\n\"61\",1\r\n"), ElementsAre(61));
}

TEST_F(Csv, NumbersAreReadWhole) {
  EXPECT_THAT(ages("sick,age\n1,+3\n0,-1.5e2\n0, 7 \n1,.25\n"), ElementsAre(3, -150, 7, 0.25));
  for (const char* text : {"1e400", "inf", "0x10", "1 2", "3kg", "\"1,5\"", "--1", "NaN"}) {
    EXPECT_THAT(fault("age,sick\n" + std::string(text) + ",1\n"), HasSubstr("no number")) << text;
  }
}

TEST_F(Csv, WithoutAHeaderTheSiteNamesTheColumns) {
  options_["header"] = false;
  options_["columns"] = std::vector<std::string>{"id", "age", "sick"};
  options_["delimiter"] = std::string(";");
  EXPECT_THAT(ages("\"a;b\";60;1\n\"c\nd\";50;0"), ElementsAre(60, 50));
}

TEST_F(Csv, AFaultNamesItsLineAndColumnAndNoCell) {
  const std::string message =
      fault("name,age,sick\n\"two\nlines\",60,1\n\nJane Roe,sixty-one,0\nB,50,1\n");
  EXPECT_EQ(message,
            "column 'age' has a value that is no number (the place is in this site's log)");
  EXPECT_THAT(detail_,
              AllOf(HasSubstr("private.csv, line 5"), HasSubstr("column 'age'"),
                    HasSubstr("no number"), Not(HasSubstr("sixty")), Not(HasSubstr("Jane"))));
  EXPECT_THAT(fault("name,age,sick\na,60,1\nb,61\n"), HasSubstr("2 cells, not 3"));
  EXPECT_THAT(detail_, HasSubstr("line 3"));
}

TEST_F(Csv, AMissingColumnIsNamedAndAFirstLineThatIsARecordIsNot) {
  EXPECT_THAT(fault("alter,sick\n60,1\n"), AllOf(HasSubstr("'age'"), Not(HasSubstr("alter"))));
  EXPECT_THAT(detail_, AllOf(HasSubstr("line 1"), HasSubstr("column 'age'"),
                             HasSubstr("names 2 columns"), HasSubstr("header: false")));
  fault("Jane Roe,1\n");
  EXPECT_THAT(detail_, Not(HasSubstr("Jane")));
  EXPECT_THAT(fault("age,sick,age\n60,1,2\n"), HasSubstr("twice"));
}

TEST_F(Csv, QuotesAreHeldToTheGrammar) {
  EXPECT_THAT(fault("age,sick\n6\"0,1\n"), HasSubstr("quote stands inside"));
  EXPECT_THAT(fault("age,sick\n60,1\n\"61,1\n62,0\n"), HasSubstr("does not end"));
  EXPECT_THAT(detail_, HasSubstr("ends in line 2"));
  // Not the whole rest of a file in memory.
  const std::string rest(2 * limits::kCsvFieldBytesMax, 'x');
  EXPECT_THAT(fault("age,sick\n60,1\n\"" + rest), HasSubstr("over 1 MiB"));
}

TEST_F(Csv, CellsAreLimitedInNumber) {
  EXPECT_THAT(fault("age,sick" + std::string(limits::kColumnsMax, ',') + "\n"),
              HasSubstr("more than 10000 cells"));
}

TEST_F(Csv, IsReadCompressedToo) {
  const std::string path = directory_ / "private.csv.gz";
  std::string text = "age,sick\n";
  for (int i = 0; i < 5000; ++i) text += std::to_string(i * 7919 % 100) + ",1\n";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  options_["path"] = path;
  const auto table = load();
  ASSERT_TRUE(table) << detail_;
  EXPECT_EQ(table->rows, 5000u);
  // Also where only the checksum at the end is missing: all rows are there, but not proven.
  const auto whole = std::filesystem::file_size(path);
  for (const auto size : {whole / 2, whole - 4}) {
    std::filesystem::resize_file(path, size);
    const auto cut = load();
    ASSERT_FALSE(cut) << size << " bytes of " << whole;
    EXPECT_THAT(cut.error().message, AllOf(HasSubstr("cut short"), Not(HasSubstr("private"))));
  }
}

TEST_F(Csv, OnlyRegularFilesAreRead) {
  options_["path"] = directory_ / ".";
  const auto table = load();
  ASSERT_FALSE(table);
  EXPECT_THAT(table.error().message, HasSubstr("no regular file"));
}

TEST_F(Csv, WordsOutsideTheJobsVocabularyAreNotKept) {
  spec_.features = {{"ward", FeatureKind::kCategorical, {"icu"}, false, {}, {}}};
  std::string text = "ward,sick\nicu,1\n" + std::string(70, 'x') + ",1\n,0\n";
  for (std::size_t i = 0; i <= limits::kCategoriesMax; ++i) text += std::to_string(i) + ",0\n";
  put(text);
  const auto table = load();
  ASSERT_TRUE(table) << detail_;
  const TableColumn& ward = table->features[0];
  EXPECT_THAT(ward.dictionary, ElementsAre("icu"));
  EXPECT_EQ(ward.words[0], 0u);
  EXPECT_EQ(ward.words[1], TableColumn::kOtherWord);
  EXPECT_EQ(ward.words[2], TableColumn::kMissingWord);
  spec_.features[0].vocabulary.clear();
  EXPECT_THAT(fault(text), HasSubstr("over 64 bytes"));
  EXPECT_THAT(fault("ward,sick\n" + text.substr(text.find(",0\n") + 3)),
              HasSubstr("more than 1000 different words"));
}

TEST_F(Csv, ColumnsArePartedByTabsToo) {
  for (const char* delimiter : {"tab", "\t"}) {
    options_["delimiter"] = std::string(delimiter);
    EXPECT_THAT(ages("name\tage\tsick\r\n a, b \t60\t1\r\n\t61\t0\n\"x\ty\"\t 62 \t1"),
                ElementsAre(60, 61, 62))
        << delimiter;
  }
  options_["delimiter"] = std::string("tabs");
  EXPECT_THAT(fault("age,sick\n"), HasSubstr("delimiter"));
}

TEST_F(Csv, ColumnsArePartedByBlanks) {
  options_["delimiter"] = std::string("blanks");
  options_["header"] = false;
  options_["columns"] = std::vector<std::string>{"id", "age", "sick"};
  EXPECT_THAT(ages("1   60 1  \r\n\n  2\t61\t \t0\n   \n3 62 1"), ElementsAre(60, 61, 62));
  EXPECT_THAT(fault("1 60 1\n2 61\n"), HasSubstr("2 cells, not 3"));
  EXPECT_THAT(detail_, HasSubstr("line 2"));
}

TEST_F(Csv, WithoutQuotesAQuoteIsACharacter) {
  spec_.features = {{"says", FeatureKind::kCategorical, {}, false, {}, {}}};
  options_["delimiter"] = std::string("tab");
  const std::string text = "says\tsick\n\"well\t1\nit is 6\" tall\xc2\x85or so\t0\r\n";
  EXPECT_THAT(fault(text), HasSubstr("quote"));
  options_["quotes"] = false;
  put(text);
  const auto table = load();
  ASSERT_TRUE(table) << detail_;
  EXPECT_THAT(table->features[0].dictionary, ElementsAre("\"well", "it is 6\" tall\xc2\x85or so"));
  EXPECT_THAT(fault("says\tsick\n" + std::string(limits::kCsvFieldBytesMax + 1, 'x')),
              HasSubstr("a line is over 1 MiB"));
}

TEST_F(Csv, EncodingsOfOneByteAreMadeUtf8) {
  spec_.features = {{"ort", FeatureKind::kCategorical, {}, false, {}, {}}};
  // The block that is read ends within the words, which no cell may notice.
  std::string text = "ort,sick\nM\xfcnchen \x80,1\n";
  while (text.size() < 200'000) text += "K\xf6ln,0\n";
  for (const auto& [encoding, euro] : std::vector<std::pair<std::string, std::string>>{
           {"latin-1", "\xc2\x80"}, {"windows-1252", "\xe2\x82\xac"}}) {
    options_["encoding"] = encoding;
    put(text);
    const auto table = load();
    ASSERT_TRUE(table) << detail_;
    EXPECT_THAT(table->features[0].dictionary,
                ElementsAre("M\xc3\xbcnchen " + euro, "K\xc3\xb6ln"));
  }
  options_["encoding"] = std::string("utf-8");
  EXPECT_THAT(fault(text), HasSubstr("not UTF-8"));
  EXPECT_THAT(fault(std::string("\xff\xfe"
                                "a\0g\0",
                                6)),
              HasSubstr("UTF-16: save it as UTF-8"));
}

TEST_F(Csv, SoManyFaultyRecordsArePassedOverAndNamed) {
  std::string text = "name,age,sick\n";
  for (int i = 0; i < 16; ++i) text += "a," + std::to_string(i) + ",1\n";
  text += "b,sixty,0\nc,60\nd,6\"0,1\ne,61,maybe\nf,99,1\n";
  faulty_records_max_ = 0.2;  // 4 of 21
  put(text);
  auto table = load();
  ASSERT_TRUE(table) << detail_;
  EXPECT_EQ(table->rows, 17u);
  EXPECT_EQ(table->features[0].numbers.size(), 17u);
  EXPECT_EQ(table->labels.size(), 17u);
  EXPECT_EQ(table->features[0].numbers.back(), 99);
  EXPECT_EQ(faulty_.count(), 4u);
  EXPECT_THAT(faulty_.places(),
              ElementsAre(AllOf(HasSubstr("private.csv, line 18"), HasSubstr("column 'age'"),
                                Not(HasSubstr("sixty"))),
                          AllOf(HasSubstr("line 19"), HasSubstr("2 cells")),
                          AllOf(HasSubstr("line 20"), HasSubstr("quote")),
                          AllOf(HasSubstr("line 21"), HasSubstr("column 'sick'"))));
  faulty_records_max_ = 0.0;
  EXPECT_THAT(fault(text), AllOf(HasSubstr("column 'age'"), Not(HasSubstr("private"))));
  EXPECT_THAT(detail_, HasSubstr("line 18"));
}

TEST_F(Csv, TooManyWordsAreNoFaultOfTheirRows) {
  spec_.features = {{"ward", FeatureKind::kCategorical, {}, false, {}, {}}};
  std::string text = "ward,sick\n";
  for (std::size_t i = 0; i <= limits::kCategoriesMax; ++i) text += std::to_string(i) + ",0\n";
  faulty_records_max_ = 0.5;
  EXPECT_THAT(fault(text), HasSubstr("more than 1000 different words"));
}

class RealCsv : public Csv {
 protected:
  // Of ../shared/data; its features are numbers.
  Result<Table> read(const std::string& name, const std::vector<std::string>& features,
                     const std::string& label) {
    spec_.features.clear();
    for (const std::string& feature : features) {
      spec_.features.push_back({feature, FeatureKind::kNumeric, {}, false, {}, {}});
      if (feature != "sentence") continue;
      spec_.features.back().kind = FeatureKind::kCategorical;
      spec_.features.back().vocabulary = {"none of them"};
    }
    spec_.label = label;
    options_["path"] = path(name);
    return load();
  }
  static std::string path(const std::string& name) {
    return std::string(TRIBUTARY_SOURCE_DIR) + "/../shared/data/" + name;
  }
  static bool there(const std::string& name) { return std::filesystem::exists(path(name)); }
};

TEST_F(RealCsv, MaintenanceHasAMarkAndCarriageReturns) {
  const std::string name = "maintenance/ai4i2020.csv";
  if (!there(name)) GTEST_SKIP() << "no " << path(name) << " here";
  const auto table = read(name, {"UDI", "Torque [Nm]"}, "Machine failure");
  ASSERT_TRUE(table) << detail_;
  EXPECT_EQ(table->rows, 10'000u);
  EXPECT_EQ(std::ranges::count(table->labels, 1), 339);
}

TEST_F(RealCsv, BankingHasSemicolonsAndQuotes) {
  const std::string name = "banking/bank-additional.csv";
  if (!there(name)) GTEST_SKIP() << "no " << path(name) << " here";
  options_["delimiter"] = std::string(";");
  spec_.label_values = {"no", "yes"};
  const auto table = read(name, {"age", "euribor3m"}, "y");
  ASSERT_TRUE(table) << detail_;
  EXPECT_EQ(table->rows, 4119u);
  EXPECT_EQ(std::ranges::count(table->labels, 1), 451);
}

TEST_F(RealCsv, TurbofanIsParteddByBlanks) {
  const std::string name = "turbofan/train_FD001.txt.gz";
  if (!there(name)) GTEST_SKIP() << "no " << path(name) << " here";
  options_["delimiter"] = std::string("blanks");
  options_["header"] = false;
  std::vector<std::string> columns{"unit", "cycle"};
  for (int i = 1; i <= 24; ++i) columns.push_back("c" + std::to_string(i));
  options_["columns"] = columns;
  spec_.target = TargetKind::kRegression;
  const auto table = read(name, {"unit", "c24"}, "cycle");
  ASSERT_TRUE(table) << detail_;
  EXPECT_EQ(table->rows, 20'631u);
  EXPECT_EQ(table->features[0].numbers.back(), 100);
}

TEST_F(RealCsv, ReviewsHaveQuotesWithinSentences) {
  std::int64_t positive = 0;
  for (const char* company : {"imdb", "yelp", "amazon_cells"}) {
    const std::string name = std::string("reviews/") + company + "_labelled.txt";
    if (!there(name)) GTEST_SKIP() << "no " << path(name) << " here";
    options_["delimiter"] = std::string("tab");
    options_["quotes"] = false;
    options_["header"] = false;
    options_["columns"] = std::vector<std::string>{"sentence", "good"};
    const auto labels = read(name, {"sentence"}, "good");
    ASSERT_TRUE(labels) << detail_;
    EXPECT_EQ(labels->rows, 1000u) << name;
    positive += std::ranges::count(labels->labels, 1);
  }
  EXPECT_EQ(positive, 1500);
}

}  // namespace
}  // namespace tributary

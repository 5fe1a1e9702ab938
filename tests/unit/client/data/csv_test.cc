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
    detail_.clear();
    auto raw = (*find_loader("csv"))->load(options_, spec_, detail_);
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

}  // namespace
}  // namespace tributary

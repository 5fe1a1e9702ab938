// SPDX-License-Identifier: Apache-2.0
// Tables from an SQLite file, and what a query may not do. A PostgreSQL server is not tested here:
// only what is refused before one is asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "client/data/dataset.h"
#include "client/data/sql_source.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Sql : public testing::Test {
 protected:
  void SetUp() override {
    spec_.dataset = "ward";
    spec_.label = "sick";
    spec_.features = {{"age", FeatureKind::kNumeric, {}, false, {}, {}},
                      {"ward", FeatureKind::kCategorical, {}, false, {}, {}}};
    spec_.validation_fraction = 0.0;
    spec_.standardize = Standardize::kNone;
    source_ = {"sql",
               {{"path", path()},
                {"connection", std::string()},
                {"password_file", std::string()},
                {"query", std::string("SELECT age, ward, sick FROM patients ORDER BY id")},
                {"validation_query", std::string()},
                {"missing", std::vector<std::string>{"?"}}}};
    run("CREATE TABLE patients (id INTEGER, name TEXT, age REAL, ward TEXT, sick INTEGER);"
        "INSERT INTO patients VALUES (1, 'Jane Roe', 0.1, 'icu', 1), (2, 'B', 61, 'north', 0),"
        " (3, 'C', NULL, 'icu', 0), (4, 'D', 50, '?', 1), (5, 'E', 7, 'icu', NULL);");
  }
  std::string path() const { return directory_ / "secret.db"; }
  void run(const std::string& statements) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(database, statements.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }
  Result<SiteExamples> load() {
    detail_.clear();
    const DataPlan plan{{}, {{"ward", {"icu", "north"}}}};
    return load_dataset(source_, spec_, plan, 1, &detail_);
  }
  std::string fault_of(const std::string& query) {
    source_.options["query"] = query;
    const auto site = load();
    if (site) return "none";
    EXPECT_THAT(site.error().message, Not(HasSubstr("secret")));
    EXPECT_THAT(detail_, Not(HasSubstr("Jane")));
    return site.error().message;
  }

  TemporaryDirectory directory_;
  DataSpec spec_;
  DatasetSource source_;
  std::string detail_;
};

TEST_F(Sql, AQueryGivesATable) {
  auto site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.inputs, ElementsAre(0.1F, 1, 0, 61, 0, 1));
  EXPECT_THAT(site->training.labels, ElementsAre(1, 0));
  EXPECT_EQ(site->dropped_rows, 3u) << "NULL and the listed word are missing values";
  source_.options["query"] = std::string(
      "with grown as (select * from patients where age > 1)\n"
      "select age, ward, 1 - sick as sick from grown order by id ; ");
  site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.labels, ElementsAre(1));
  source_.options["validation_query"] =
      std::string("SELECT age, ward, sick FROM patients WHERE id = 1");
  site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->validation.rows, 1);
}

TEST_F(Sql, OnlyReadingIsDone) {
  const auto before = std::filesystem::file_size(path());
  for (const char* query :
       {"DELETE FROM patients", "SELECT 1; DELETE FROM patients", "PRAGMA user_version = 7",
        "ATTACH 'other.db' AS other", "VACUUM INTO 'copy.db'", "", ";", "-- nothing",
        "WITH x AS (SELECT 1) DELETE FROM patients", "SELECT load_extension('x')",
        "SELECT * FROM pragma_database_list", "CREATE TABLE t (a)"}) {
    EXPECT_THAT(fault_of(query), HasSubstr("cannot be queried")) << query;
    EXPECT_THAT(detail_, HasSubstr("secret.db")) << query;
  }
  EXPECT_EQ(std::filesystem::file_size(path()), before);
  source_.options["query"] = std::string("SELECT age, ward, sick FROM patients ORDER BY id");
  EXPECT_TRUE(load()) << "all rows are still there";
  source_.options["path"] = directory_ / "none.db";
  const auto gone = load();
  ASSERT_FALSE(gone);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "none.db")) << "none is made";
}

TEST_F(Sql, FaultsNameColumnsAndNoValue) {
  EXPECT_THAT(fault_of("SELECT age, sick FROM patients"), HasSubstr("column 'ward'"));
  EXPECT_THAT(fault_of("SELECT name AS age, ward, sick FROM patients ORDER BY id"),
              AllOf(HasSubstr("column 'age'"), HasSubstr("no number")));
  EXPECT_THAT(detail_, HasSubstr("row 1 of the query"));
  EXPECT_THAT(fault_of("SELECT age, x'00ff' AS ward, sick FROM patients"), HasSubstr("bytes"));
  EXPECT_THAT(fault_of("SELECT agee FROM patients"), Not(HasSubstr("agee")));
  EXPECT_THAT(detail_, HasSubstr("agee")) << "the site's person must see what is wrong";
  source_.faulty_records_max = 0.3;
  source_.options["query"] = std::string(
      "SELECT CASE id WHEN 2 THEN 'x' ELSE age END AS age, ward, sick FROM patients ORDER BY id");
  const auto site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->faulty_rows, 1u);
  EXPECT_THAT(site->faulty_places, ElementsAre(HasSubstr("row 2 of the query")));
}

TEST_F(Sql, AFileThatIsNoDatabaseIsAFault) {
  std::ofstream(path(), std::ios::binary) << std::string(4096, 'x');
  EXPECT_THAT(fault_of("SELECT age FROM patients"), HasSubstr("database"));
  source_.options["connection"] = std::string("host=/nowhere");
  EXPECT_THAT(load().error().message, HasSubstr("not named as it must be"));
}

TEST_F(Sql, APasswordStandsInAFileAndNowhereElse) {
  source_.options["path"] = std::string();
  source_.options["query"] = std::string("SELECT 1");
  for (const char* connection : {"host=/nowhere password=hunter2", "postgresql://fl:hunter2@/x"}) {
    source_.options["connection"] = std::string(connection);
    const auto site = load();
    ASSERT_FALSE(site);
    EXPECT_THAT(detail_, AllOf(HasSubstr("password_file"), Not(HasSubstr("hunter2"))));
    EXPECT_THAT(site.error().message, Not(HasSubstr("hunter2")));
  }
  source_.options["connection"] = std::string("host=/nowhere pass'word=hunter2");
  EXPECT_FALSE(load());
  EXPECT_THAT(detail_, Not(HasSubstr("hunter2")));
  source_.options["connection"] = "host=" + directory_.path() + " dbname=d user=u";
  std::ofstream(directory_ / "password") << "hunter2\n";
  source_.options["password_file"] = directory_ / "password";
  EXPECT_FALSE(load()) << "nobody answers there";
  EXPECT_THAT(detail_, AllOf(HasSubstr("PostgreSQL"), Not(HasSubstr("hunter2"))));
}

TEST(SingleSelect, IsToldFromOtherStatements) {
  for (const char* query :
       {"SELECT 1", " select(1) ;\n", "With a as (select 1) select * from a", "VALUES (1)"})
    EXPECT_TRUE(single_select(query)) << query;
  for (const char* query : {"", "selected", "DROP TABLE x", "EXPLAIN SELECT 1"})
    EXPECT_FALSE(single_select(query)) << query;
  EXPECT_EQ(*single_select(" SELECT 1 ; "), "SELECT 1");
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// A real PostgreSQL server on a socket in a temporary folder, where its programs are installed (or
// TRIBUTARY_POSTGRES names their folder).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "client/data/dataset.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string programs() {
  if (const char* named = std::getenv("TRIBUTARY_POSTGRES")) return named;
  std::error_code none;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
    if (std::filesystem::exists(version.path() / "bin/initdb")) return version.path() / "bin";
  }
  return {};
}

class Postgres : public testing::Test {
 protected:
  void SetUp() override {
    if (programs().empty())
      GTEST_SKIP() << "no /usr/lib/postgresql/*/bin/initdb here: PostgreSQL is not tested";
    std::filesystem::permissions(directory_.path(), std::filesystem::perms::all);
    std::ofstream(directory_ / "password") << "hunter2\n";
    ASSERT_TRUE(run("initdb -D " + data() + " -A scram-sha-256 -U fl --locale=C.UTF-8 --pwfile=" +
                    (directory_ / "password")));
    ASSERT_TRUE(run("pg_ctl -D " + data() + " -l " + data() +
                    "/log -w -o \"-c listen_addresses= -k " + directory_.path() + "\" start"));
    ::setenv("PGPASSWORD", "hunter2", 1);
    ASSERT_TRUE(run("psql -h " + directory_.path() + " -U fl -d postgres -c \"" +
                    "create table patients(id int, name text, age float8, ward text, sick bool); "
                    "insert into patients select i, 'Jane Roe', i * 0.5, "
                    "case when i % 3 = 0 then null else 'icu' end, i % 2 = 0 "
                    "from generate_series(1, 5000) i; create table log(a int); "
                    "create function write_one() returns int language plpgsql as "
                    "'begin insert into log values (1); return 1; end'\""));
    ::unsetenv("PGPASSWORD");
    started_ = true;
    spec_.label = "sick";
    spec_.label_values = {"f", "t"};
    spec_.features = {{"age", FeatureKind::kNumeric, {}, false, {}, {}},
                      {"ward", FeatureKind::kCategorical, {"icu"}, false, {}, {}}};
    spec_.standardize = Standardize::kNone;
    spec_.validation_fraction = 0.0;
  }
  void TearDown() override {
    if (started_) run("pg_ctl -D " + data() + " -m immediate -w stop");
  }
  std::string data() const { return directory_ / "data"; }
  // Its server refuses to be root.
  bool run(const std::string& command) const {
    const std::string user = ::geteuid() == 0 ? "setpriv --reuid=nobody --clear-groups " : "";
    return std::system((user + programs() + "/" + command + " > /dev/null 2>&1").c_str()) == 0;
  }
  Result<SiteExamples> load(const std::string& query, double share = 0.0) {
    DatasetSource source{"sql",
                         {{"path", std::string()},
                          {"connection", "host=" + directory_.path() + " dbname=postgres user=fl"},
                          {"password_file", directory_ / "password"},
                          {"query", query},
                          {"validation_query", std::string()},
                          {"missing", std::vector<std::string>{}}}};
    source.faulty_records_max = share;
    detail_.clear();
    return load_dataset(source, spec_, {}, 1, &detail_);
  }
  // What the site's person sees; no value of a record.
  std::string fault(const std::string& query) {
    const auto site = load(query);
    EXPECT_FALSE(site) << query;
    EXPECT_THAT(detail_, AllOf(Not(HasSubstr("Jane")), Not(HasSubstr("hunter2"))));
    return detail_;
  }

  TemporaryDirectory directory_;
  bool started_ = false;
  DataSpec spec_;
  std::string detail_;
};

// One server for all of it: it takes a second to start.
TEST_F(Postgres, OnlyReadsWhatAQueryGives) {
  const std::string all = "SELECT age, ward, sick FROM patients ORDER BY id";
  auto site = load(all + ";");
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 3334) << "more than one piece of the cursor";
  EXPECT_EQ(site->dropped_rows, 1666u);
  EXPECT_EQ(site->training.labels[1], 1);
  EXPECT_EQ(site->training.inputs[2], 1.0F);
  site = load(
      "SELECT CASE WHEN id = 7 THEN 'x' ELSE age::text END AS age, ward, sick "
      "FROM patients ORDER BY id",
      0.001);
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->faulty_places, ElementsAre(HasSubstr("row 7 of the query")));

  EXPECT_THAT(fault("SELECT 1; DROP TABLE patients"), HasSubstr("multiple commands"));
  EXPECT_THAT(fault("DELETE FROM patients"), HasSubstr("not a single SELECT"));
  EXPECT_THAT(fault("WITH gone AS (DELETE FROM patients RETURNING *) SELECT * FROM gone"),
              HasSubstr("SQLSTATE"));
  EXPECT_THAT(fault("SELECT write_one() AS age, ward, sick FROM patients"),
              HasSubstr("read-only transaction"));
  EXPECT_THAT(fault("SELECT name::int AS age, ward, sick FROM patients"), HasSubstr("22P02"));
  EXPECT_THAT(fault("SELECT agee FROM patients"), HasSubstr("agee"));
  EXPECT_TRUE(load(all)) << "nothing was deleted";
  std::ofstream(directory_ / "password") << "wrong\n";
  EXPECT_THAT(fault(all), HasSubstr("password authentication failed"));
}

}  // namespace
}  // namespace tributary

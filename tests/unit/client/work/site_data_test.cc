// SPDX-License-Identifier: Apache-2.0
// Which rows of a site's files train and which judge: at a site, at an evaluator, and at one that a
// job's rule trusts.
#include "client/work/site_data.h"

#include <gtest/gtest.h>

#include <fstream>

#include "common/config/client_file.h"
#include "common/config/job_file.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

constexpr const char* kJob = R"(name: j
model: logistic
data: {dataset: patients, features: [age], label: sick, standardize: none, validation_fraction: 0.3}
train: {}
rounds: {count: 1}
)";

class RowsOf : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& [file, rows] : {std::pair("data.csv", 20), {"more.csv", 7}}) {
      std::ofstream csv(directory_ / file);
      csv << "age,sick\n";
      for (int i = 0; i < rows; ++i) csv << 30 + i << "," << i % 2 << "\n";
    }
  }
  FileSiteData data(const std::string& more = "") const {
    const std::string text = "datasets: {patients: {loader: csv, path: data.csv" + more + "}}\n";
    return FileSiteData(*parse_datasets(text, directory_ / "client.yaml"));
  }
  static JobSpec job(const std::string& root = "") {
    const std::string rule =
        root.empty() ? "" : "aggregate: {rule: {name: fltrust, root: " + root + "}}\n";
    return parse_job(kJob + rule, "job.yaml")->spec;
  }
  // Rows that train, rows that judge; as told before the first round and as used in it.
  static std::pair<std::int64_t, std::int64_t> rows_of(FileSiteData& data, const JobSpec& job) {
    std::string detail;
    const auto summary = data.summarize(job, detail);
    const auto examples = data.examples(job, {}, detail);
    EXPECT_TRUE(summary && examples) << detail;
    EXPECT_EQ(static_cast<std::int64_t>(summary->training_rows), (*examples)->training.rows);
    EXPECT_EQ(static_cast<std::int64_t>(summary->validation_rows), (*examples)->validation.rows);
    return {(*examples)->training.rows, (*examples)->validation.rows};
  }
  using Rows = std::pair<std::int64_t, std::int64_t>;

  TemporaryDirectory directory_;
};

TEST_F(RowsOf, ASiteAreDividedByTheJob) {
  FileSiteData site = data();
  EXPECT_EQ(rows_of(site, job()), (Rows{14, 6}));
  EXPECT_EQ(rows_of(site, job("lab")), (Rows{14, 6})) << "another one is the root";
}

TEST_F(RowsOf, ASiteAreThoseOfItsNewFilesOnceItHasThem) {
  FileSiteData site = data();
  EXPECT_EQ(rows_of(site, job()), (Rows{14, 6}));
  const std::string text = "datasets: {patients: {loader: csv, path: more.csv}}\n";
  site.renew(*parse_datasets(text, directory_ / "client.yaml"));
  const Rows rows = rows_of(site, job());
  EXPECT_EQ(rows.first + rows.second, 7);
}

TEST_F(RowsOf, AnEvaluatorJudgeOrTrainForTheJobThatTrustsIt) {
  FileSiteData lab = data();
  lab.serve_evaluator(SiteName{"lab"});
  EXPECT_EQ(rows_of(lab, job()), (Rows{0, 20}));
  EXPECT_EQ(rows_of(lab, job("lab")), (Rows{20, 0})) << "all of them";
  EXPECT_EQ(rows_of(lab, job("other")), (Rows{0, 20})) << "and none for another job after it";
}

TEST_F(RowsOf, ValidationFilesNeverTrain) {
  FileSiteData lab = data(", validation_path: more.csv");
  lab.serve_evaluator(SiteName{"lab"});
  EXPECT_EQ(rows_of(lab, job("lab")), (Rows{20, 7}));
  EXPECT_EQ(rows_of(lab, job()), (Rows{20, 7}));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Whole federations through tributary-simulate: one site is local training, threads change nothing,
// real data is learned.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/learning/learner.h"
#include "client/work/site_data.h"
#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "common/config/client_file.h"
#include "common/config/job_file.h"
#include "common/storage/file_system.h"
#include "common/tensor/safetensors.h"
#include "coordinator/aggregation/exact_sum.h"
#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;

const std::string kBin = std::string(TRIBUTARY_BIN_DIR) + "/";
constexpr const char* kJob = R"(name: readmission
seed: 3
model: {family: mlp, hidden: [8]}
data:
  dataset: patients
  features: [age, pressure, creatinine, stay, {name: admission, type: categorical}]
  label: readmitted
  missing: mean
train: {epochs: 2, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.1}}
rounds: {count: 4, minimum_sites: 1}
)";

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Simulation : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run_process({kBin + "tributary-client", "data", "generate-hospital", "--sites", "3",
                           "--rows", "200", "--out", directory_ / "data"},
                          directory_ / "log"),
              0);
    std::ofstream(directory_ / "job.yaml") << kJob;
    for (int i = 1; i <= 3; ++i) {
      const std::string name = "hospital-" + std::to_string(i);
      std::ofstream(directory_ / (name + ".yaml"))
          << "datasets: {patients: {loader: csv, path: data/" << name << ".csv}}\n";
    }
  }
  int run_with(const std::string& what, const std::vector<std::string>& clients,
               std::vector<std::string> more = {}) {
    std::vector<std::string> command = {kBin + "tributary-simulate", what, "--job",
                                        directory_ / "job.yaml"};
    for (const std::string& client : clients) {
      command.push_back("--client");
      command.push_back(directory_ / client);
    }
    command.insert(command.end(), more.begin(), more.end());
    return run_process(command, directory_ / "log");
  }
  // The folder of the job's models.
  std::string simulate(const std::vector<int>& sites, const std::string& threads,
                       const std::string& out) {
    std::vector<std::string> clients;
    for (const int site : sites) clients.push_back("hospital-" + std::to_string(site) + ".yaml");
    EXPECT_EQ(run_with("run", clients, {"--jobs", threads, "--out", directory_ / out}), 0)
        << text_of(directory_ / "log");
    for (const auto& entry : std::filesystem::directory_iterator(directory_ / out + "/models"))
      return entry.path().string();
    return "";
  }
  static Model load(const std::string& folder, int round) {
    const std::string bytes =
        text_of(folder + "/round-000" + std::to_string(round) + ".safetensors");
    return *decode_safetensors(as_bytes(bytes));
  }

  TemporaryDirectory directory_;
};

// Each round, from the same global model: what one site's training gives in float64, against what
// the federation made of it.
TEST_F(Simulation, AFederationOfOneIsLocalTrainingWithinTheFixedPointBound) {
  const std::string models = simulate({1}, "1", "one");
  const JobSpec job = parse_job(kJob, "job.yaml")->spec;
  FileSiteData data(
      *parse_datasets(text_of(directory_ / "hospital-1.yaml"), directory_ / "hospital-1.yaml"));
  std::string detail;
  const DataPlan plan = *agree_on_plan(job.data, {{"hospital-1", *data.summarize(job, detail)}});
  const auto examples = *data.examples(job, plan, detail);
  const auto rows = static_cast<std::uint64_t>(examples->training.rows);
  const int scale = *plan_scale(job.aggregation.coordinate_bound, rows, limits::kSitesMax);
  // One term, rounded to a multiple of 2^-scale, divided by its weight.
  const double fixed_point = std::ldexp(0.5, -scale) / static_cast<double>(rows);
  EXPECT_LT(fixed_point, 1e-10) << "far below the spacing of float32 weights";
  for (int round = 1; round <= 4; ++round) {
    const Model before = load(models, round - 1), after = load(models, round);
    const auto number = static_cast<RoundNumber>(round);
    const auto trained = train(TrainRequest{job,
                                            number,
                                            before,
                                            examples->training,
                                            derive_seed(job.seed, "shuffle/hospital-1", number),
                                            1,
                                            {},
                                            {},
                                            {}});
    ASSERT_TRUE(trained);
    for (std::size_t i = 0; i < before.values.size(); ++i) {
      const double local =
          static_cast<double>(before.values[i]) + static_cast<double>(trained->update.values[i]);
      const double half_spacing =
          std::abs(local) * std::ldexp(1.0, -24) + 1e-45;  // of the stored float32
      ASSERT_LE(std::abs(static_cast<double>(after.values[i]) - local), fixed_point + half_spacing)
          << round << " " << i;
    }
  }
}

TEST_F(Simulation, ThreadsAndTheOrderOfSitesChangeNoByte) {
  const std::string first = simulate({1, 2, 3}, "1", "a"), second = simulate({3, 1, 2}, "3", "b");
  EXPECT_EQ(text_of(first + "/round-0004.safetensors"),
            text_of(second + "/round-0004.safetensors"));
  EXPECT_FALSE(text_of(first + "/round-0004.safetensors").empty());
}

TEST_F(Simulation, TooFewSitesAndEqualNamesAreRefusedAtOnce) {
  std::string job = kJob;
  job.replace(job.find("minimum_sites: 1"), 16, "minimum_sites: 3");
  std::ofstream(directory_ / "job.yaml") << job;
  EXPECT_EQ(run_with("run", {"hospital-1.yaml", "hospital-2.yaml"}), 2);
  EXPECT_THAT(text_of(directory_ / "log"), HasSubstr("minimum_sites is 3, and there are only 2"));

  std::filesystem::create_directories(directory_ / "other");
  std::filesystem::copy(directory_ / "hospital-1.yaml", directory_ / "other/hospital-1.yaml");
  for (const char* what : {"run", "compare"}) {
    EXPECT_EQ(run_with(what, {"hospital-1.yaml", "hospital-2.yaml", "other/hospital-1.yaml"}), 2);
    EXPECT_THAT(text_of(directory_ / "log"), HasSubstr("are called 'hospital-1'"));
  }

  // As many files as sites are wanted, but the job names one that is not there.
  job.replace(job.find("count: 4"), 8, "sites: [hospital-1, hospital-2, nobody], count: 4");
  std::ofstream(directory_ / "job.yaml") << job;
  EXPECT_EQ(run_with("run", {"hospital-1.yaml", "hospital-2.yaml", "hospital-3.yaml"},
                     {"--out", directory_ / "out"}),
            1);
  EXPECT_THAT(text_of(directory_ / "log"), HasSubstr("2 can take part; missing: nobody"));
}

// deploy/examples/encodings over invented patients: of updates, and of what changed in models.
TEST_F(Simulation, TheTableOfEncodingsHasTheirBytesAndWhatIsLearnedWithThem) {
  std::string job = kJob;
  job.replace(job.find("train: {"), 8, "train: {encoding: fp32, download_encoding: fp32, ");
  job.replace(job.find("hidden: [8]"), 11, "hidden: [256]");
  std::ofstream(directory_ / "job.yaml") << job;
  const auto cells_of = [](const std::string& table, const std::string& name) {
    std::vector<double> cells;
    const std::size_t at = table.find("| " + name + " |");
    if (at == std::string::npos) return cells;
    const std::size_t begin = at + name.size() + 4;
    std::istringstream line(table.substr(begin, table.find('\n', at) - begin));
    for (std::string cell; std::getline(line, cell, '|');) cells.push_back(std::stod(cell));
    return cells;
  };
  for (const bool downloads : {false, true}) {
    std::vector<std::string> command = {
        std::string(TRIBUTARY_SOURCE_DIR) + "/deploy/examples/encodings/run",
        "--bin",
        TRIBUTARY_BIN_DIR,
        "--encoding",
        "{name: fp32}",
        "--encoding",
        "{name: int8, zstd: 3}"};
    if (downloads) command.push_back("--downloads");
    command.push_back("--job");
    for (const char* file : {"job.yaml", "hospital-1.yaml", "hospital-2.yaml"})
      command.push_back(directory_ / file);
    const std::string log = directory_ / (downloads ? "downloads" : "updates");
    ASSERT_EQ(run_process(command, log), 0) << text_of(log);
    const std::string table = text_of(log);
    const std::vector<double> plain = cells_of(table, "fp32"),
                              small = cells_of(table, "int8-zstd-3");
    ASSERT_EQ(plain.size(), 5u) << table;
    ASSERT_EQ(small.size(), 5u) << table;
    const std::size_t smaller = downloads ? 1 : 0;
    EXPECT_LT(small[smaller], 0.4 * plain[smaller]) << "bytes of an update, a download\n" << table;
    EXPECT_EQ(small[1 - smaller], plain[1 - smaller]) << table;
    EXPECT_GT(small[2], 0.0) << table;
    EXPECT_GT(small[3], 0.0) << table;
    EXPECT_NEAR(small[4], plain[4], 0.05) << table;
  }
}

TEST_F(Simulation, RealHeartDiseaseIsLearnedOverItsFourHospitals) {
  const std::string source = TRIBUTARY_SOURCE_DIR, data = source + "/../shared/data/heart";
  if (!std::filesystem::exists(data))
    GTEST_SKIP() << "no " << data << " here: the real heart disease data is not tested";
  ASSERT_EQ(run_process({source + "/deploy/examples/heart/prepare", data, directory_ / "heart"},
                        directory_ / "log"),
            0);
  std::vector<std::string> command = {
      kBin + "tributary-simulate",
      "run",
      "--job",
      source + "/deploy/examples/heart/job-federated-statistics.yaml",
      "--out",
      directory_ / "out"};
  for (const char* site : {"cleveland", "hungarian", "switzerland", "va"}) {
    command.push_back("--client");
    command.push_back(directory_ / (std::string("heart/") + site + ".yaml"));
  }
  ASSERT_EQ(run_process(command, directory_ / "heart.log"), 0) << text_of(directory_ / "heart.log");
  const std::string log = text_of(directory_ / "heart.log");
  const std::size_t at = log.find("auc ", log.find("round   15"));
  ASSERT_NE(at, std::string::npos) << log;
  EXPECT_GT(std::stod(log.substr(at + 4)), 0.86) << "pooled training reaches 0.881";
}

}  // namespace
}  // namespace tributary

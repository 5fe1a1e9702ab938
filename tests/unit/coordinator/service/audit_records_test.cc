// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/audit_records.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/config/job_file.h"
#include "common/crypto/digest.h"
#include "common/tensor/safetensors.h"
#include "common/tensor/update_encoding.h"
#include "coordinator/service/job_worker.h"
#include "coordinator/service/record_json.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

const JobId kJob{"readmission-1"};
const Layout kLayout{{{"w", {3}}}};
constexpr const char* kDocument = R"(name: readmission
seed: 3
model: {family: mlp, hidden: [8]}
data:
  dataset: patients
  features: [age, stay]
  label: readmitted
train: {epochs: 1, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.1}}
rounds: {count: 2, minimum_sites: 2}
aggregate: {server_optimizer: {name: momentum, learning_rate: 0.5, beta: 0.9}}
)";

// A coordinator's arithmetic, in a folder of its own.
struct Arithmetic {
  Arithmetic() { TRIB_ASSERT(begin().has_value(), "begin"); }
  Result<BlobRef> begin() {
    TRIB_TRY(initial, blobs.put(encode_safetensors({kLayout, {1.0f, 2.0f, 3.0f}})));
    return worker.adopt_initial_model({initial, 0});
  }
  AcceptedUpdate update(const std::string& site, std::vector<float> values,
                        std::uint64_t examples) {
    const Bytes bytes = *encode_update({}, kLayout, values, 1);
    AcceptedUpdate made;
    made.key = {kJob, 1, 1, TaskKind::kTrain};
    made.site = SiteName{site};
    made.into = 1;
    made.result.update = {*blobs.put(bytes), bytes.size()};
    made.result.examples = examples;
    return made;
  }

  TemporaryDirectory directory;
  std::unique_ptr<FileSystem> files = make_file_system();
  Staging blobs{*BlobStore::open(*files, directory / "blobs"), 0};
  ModelRepository models{*files, directory / "models"};
  JobWorker worker{kJob, parse_job(kDocument, "job")->spec, blobs, models};
};

// What an auditor has: the log, and the updates that sites or the coordinator kept.
std::string recomputed(const Json& record, const std::vector<AcceptedUpdate>& kept,
                       const std::vector<std::vector<float>>& values) {
  Arithmetic again;
  std::uint64_t most = 1, all = 0;
  for (const auto& [site, rows] : record["rows"].items())
    most = std::max(most, rows.get<std::uint64_t>());
  for (const auto& [site, rows] : record["rows"].items()) all += rows.get<std::uint64_t>();
  for (std::size_t i = 0; i < kept.size(); ++i)
    static_cast<void>(again.update(kept[i].site.value, values[i], kept[i].result.examples));
  for (const Json& one : record["updates"])
    again.worker.absorb({*accepted_from_json(one.dump()), most, all});
  return again.worker.finish(1)->model.digest.hex();
}

TEST(AuditRecords, ARoundsModelCanBeMadeAgainOfItsRecordAndTheUpdates) {
  const std::vector<std::vector<float>> values{{0.1f, -0.37f, 2.0f}, {-1.25f, 0.7f, 1e-3f}};
  Arithmetic first;
  std::vector<AcceptedUpdate> updates{first.update("north", values[0], 90),
                                      first.update("south", values[1], 40)};
  updates[1].share = kFullShare / 3;
  JobRecord job;
  job.id = kJob;
  job.document = kDocument;
  job.rows = {{SiteName{"north"}, {90, 9}}, {SiteName{"south"}, {40, 4}}};
  const auto store = *StateStore::open(":memory:");
  ASSERT_TRUE(store->apply({SaveJob{job}, SaveAccepted{updates[0]}, SaveAccepted{updates[1]}}));
  for (const AcceptedUpdate& update : updates) first.worker.absorb({update, 90, 130});
  RoundRow row;
  row.round = 1;
  row.outcome = "committed";
  row.model = first.worker.finish(1)->model.digest;

  const auto texts = *audit_records({SaveRound{kJob, row}}, *store, 7);
  ASSERT_EQ(texts.size(), 1u);
  const Json record = Json::parse(texts[0]);
  EXPECT_EQ(record["document_sha256"], sha256(as_bytes(kDocument)).hex());
  EXPECT_EQ(record["at_ms"], 7);
  EXPECT_EQ(recomputed(record, updates, values), record["model"]);
  Json other = record;
  other["updates"][1]["share"] = kFullShare;
  EXPECT_NE(recomputed(other, updates, values), record["model"]);
}

// Evidence of a sum says that it was one, of how many, and no figure that nobody knows.
TEST(AuditRecords, OfASecureSumItSaysWhoIsInItAndNoFigureOfAny) {
  JobRecord job;
  job.id = kJob;
  job.document = R"(name: readmission
model: logistic
data: {dataset: patients, features: [age], label: readmitted, standardize: none}
train: {algorithm: fedavg}
rounds: {count: 2, minimum_sites: 3}
privacy: {secure_aggregation: {clip: 10}}
)";
  const auto store = *StateStore::open(":memory:");
  ASSERT_TRUE(store->apply({SaveJob{job}}));
  RoundRow row;
  row.round = 1;
  row.task = "train";
  row.outcome = "committed";
  for (const char* site : {"north", "south", "west", "away"}) {
    ParticipantRow one;
    one.site = SiteName{site};
    one.reason =
        reason_name(one.site.value == "away" ? Reason::kSecureSumFailed : Reason::kAccepted);
    row.participants.push_back(one);
  }
  const auto record = [&] {
    return Json::parse((*audit_records({SaveRound{kJob, row}}, *store, 7))[0]);
  };
  const Json of_sum = record();
  EXPECT_EQ(of_sum["sum"], "secure");
  EXPECT_EQ(of_sum["sites_in_sum"], 3);
  for (const Json& one : of_sum["participants"]) {
    for (const char* figure : {"examples", "loss", "norm"}) EXPECT_TRUE(one[figure].is_null());
  }
  row.task = "prepare";
  EXPECT_FALSE(record().contains("sum"));
  EXPECT_EQ(record()["participants"][0]["examples"], 0);
}

TEST(AuditRecords, ARoundThatWasNotCommittedHasItsReasonsAndNoModel) {
  JobRecord job;
  job.id = kJob;
  const auto store = *StateStore::open(":memory:");
  ASSERT_TRUE(store->apply({SaveJob{job}}));
  RoundRow row;
  row.round = 1;
  row.outcome = "failed: 1 update accepted, quorum is 2";
  row.participants = {{SiteName{"north"}, "train", "deadline", "not done", 0, 0, 1.0, 0.0, 0.0}};
  const Json record = Json::parse((*audit_records({SaveRound{kJob, row}}, *store, 7))[0]);
  EXPECT_EQ(record["event"], "round.closed");
  EXPECT_EQ(record["participants"][0]["reason"], "deadline");
  EXPECT_FALSE(record.contains("model"));
}

}  // namespace
}  // namespace tributary

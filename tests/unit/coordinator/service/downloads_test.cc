// SPDX-License-Identifier: Apache-2.0
// Models that sites are sent as what changed: what JobWorker makes of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/tensor/safetensors.h"
#include "common/tensor/update_reader.h"
#include "coordinator/service/job_worker.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

constexpr std::size_t kCount = 3'000;
const Layout kLayout{{{"w", {50, 40}}, {"b", {1'000}}}};
const StateName kTarget{"", "target", StateOf::kDownloads};

PluginChoice int_encoding(const std::string& name) {
  return {name, {{"block", std::int64_t{64}}, {"zstd", std::int64_t{0}}}};
}

std::vector<PluginChoice> encodings() {
  std::vector<PluginChoice> all = {
      {"fp16", {}}, {"bf16", {}}, int_encoding("int8"), int_encoding("int4")};
  for (const char* name : {"top_k", "random_k"})
    all.push_back({name, {{"ratio", 0.1}, {"k", std::int64_t{0}}}});
  for (const char* name : {"fp32", "int8"}) all.push_back({name, {{"zstd", std::int64_t{3}}}});
  return all;
}

class Downloads : public testing::Test {
 protected:
  std::unique_ptr<JobWorker> life(const JobId& job, const PluginChoice& encoding,
                                  const std::string& optimizer = "sgd") {
    JobSpec spec;
    spec.seed = 5;
    spec.train.download_encoding = encoding;
    spec.aggregation.server_optimizer = {optimizer, {{"learning_rate", 1.0}}};
    if (optimizer == "momentum") spec.aggregation.server_optimizer.options["beta"] = 0.9;
    return std::make_unique<JobWorker>(job, spec, *blobs_, models_);
  }
  static float initial(std::size_t i) { return std::sin(static_cast<float>(i)); }
  // The only site's update of a round; they do not cancel out.
  static float step(RoundNumber round, std::size_t i) {
    return 0.01f * (std::cos(static_cast<float>(i * round)) + 0.5f);
  }
  void begin(JobWorker& worker) {
    Model model{kLayout, std::vector<float>(kCount)};
    for (std::size_t i = 0; i < kCount; ++i) model.values[i] = initial(i);
    const auto adopted = worker.adopt_initial_model({*blobs_->put(encode_safetensors(model)), 0});
    ASSERT_TRUE(adopted) << adopted.error().message;
  }
  void absorb(const JobId& job, JobWorker& worker, RoundNumber round) {
    std::vector<float> values(kCount);
    for (std::size_t i = 0; i < kCount; ++i) values[i] = step(round, i);
    const Bytes bytes = *encode_update({}, kLayout, values, 1);
    AcceptedUpdate one;
    one.key = {job, round, 1, TaskKind::kTrain};
    one.site = SiteName{"a"};
    one.into = round;
    one.result.update = {*blobs_->put(bytes), bytes.size()};
    one.result.examples = 1;
    worker.absorb({one, 1});
  }
  Result<RoundFinished> play(const JobId& job, JobWorker& worker, RoundNumber round) {
    absorb(job, worker, round);
    return worker.finish(round);
  }
  std::vector<float> model(const JobId& job, RoundNumber round) {
    std::vector<float> values(kCount);
    EXPECT_EQ(*(*models_.read_model(job, round))->read(values), kCount);
    return values;
  }
  // As a site reads it.
  std::vector<float> delta_of(const BlobRef& blob) {
    const Bytes bytes = *blobs_->read(blob.digest);
    EXPECT_EQ(bytes.size(), blob.bytes);
    const auto opened = open_update(
        [&bytes](std::uint64_t at, MutableByteView into) -> Status {
          std::ranges::copy(ByteView(bytes).subspan(at, into.size()), into.begin());
          return {};
        },
        bytes.size());
    std::vector<float> values(kCount);
    EXPECT_EQ(*opened->values->read(values), kCount);
    return values;
  }

  TemporaryDirectory directory_;
  FullDisk disk_;
  std::unique_ptr<Staging> blobs_ =
      std::make_unique<Staging>(*BlobStore::open(disk_, directory_ / "blobs"), 0);
  ModelRepository models_{disk_, directory_ / "models"};
};

// And what an encoding leaves out of one round comes in a later one: against the sum in float64.
TEST_F(Downloads, TheModelIsTheOneBeforeAndItsDeltaAndFollowsTheUpdates) {
  for (const PluginChoice& encoding : encodings()) {
    SCOPED_TRACE(encoding.name + " " + std::to_string(encoding.options.size()));
    const JobId job{encoding.name + std::to_string(encoding.options.size())};
    const auto worker = life(job, encoding);
    begin(*worker);
    std::vector<double> sum(kCount);
    for (std::size_t i = 0; i < kCount; ++i) sum[i] = static_cast<double>(initial(i));
    for (RoundNumber round = 1; round <= 12; ++round) {
      const auto finished = play(job, *worker, round);
      ASSERT_TRUE(finished) << finished.error().message;
      const std::vector<float> before = model(job, round - 1), after = model(job, round);
      const std::vector<float> change = delta_of(finished->delta);
      double left_out = 0.0;
      for (std::size_t i = 0; i < kCount; ++i) {
        ASSERT_EQ(after[i], before[i] + change[i]) << round << " " << i;
        sum[i] += static_cast<double>(step(round, i));
        left_out = std::max(left_out, std::abs(static_cast<double>(after[i]) - sum[i]));
      }
      EXPECT_EQ(finished->model, *models_.digest_of(job, round));
      EXPECT_TRUE(blobs_->contains(finished->model.digest)) << "for sites without the one before";
      EXPECT_LT(finished->delta.bytes, finished->model.bytes);
      const bool sparse = encoding.options.contains("ratio");
      EXPECT_LT(left_out, sparse ? 0.3 : encoding.name == "int4" ? 0.01 : 1e-3) << round;
      EXPECT_FALSE(disk_.exists(models_.delta_path(job, round))) << "it is a blob now";
    }
  }
}

TEST_F(Downloads, AnotherLifeInEachRoundGivesTheSameBits) {
  for (const PluginChoice& encoding : encodings()) {
    SCOPED_TRACE(encoding.name);
    const std::string name = encoding.name + std::to_string(encoding.options.size());
    const JobId one{name + "-one"}, many{name + "-many"};
    const auto lasting = life(one, encoding, "momentum");
    begin(*lasting);
    begin(*life(many, encoding, "momentum"));
    for (RoundNumber round = 1; round <= 4; ++round) {
      const auto expected = play(one, *lasting, round);
      ASSERT_TRUE(expected) << expected.error().message;
      // Killed after the files were written and before the round was recorded: done again.
      for (int life_of_round = 0; life_of_round < 2; ++life_of_round) {
        const auto again = play(many, *life(many, encoding, "momentum"), round);
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(again->model, expected->model) << round;
        EXPECT_EQ(again->delta, expected->delta) << round;
      }
    }
    EXPECT_FALSE(disk_.exists(models_.state_path(one, 2, kTarget))) << "two are enough";
    EXPECT_TRUE(disk_.exists(models_.state_path(one, 3, kTarget)));
  }
}

TEST_F(Downloads, AFullDiskIsTriedAgainAndALostTargetIsAnError) {
  const JobId job{"job"};
  const PluginChoice encoding = int_encoding("int8");
  const auto worker = life(job, encoding);
  begin(*worker);
  absorb(job, *worker, 1);
  int failures = 0;
  Result<RoundFinished> finished = make_error(ErrorCode::kInternal, "not tried");
  for (std::uint64_t room = 0; !finished && room < 200'000; room += 3'000) {
    disk_.room = room;
    finished = worker->finish(1);
    failures += !finished;
  }
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_GT(failures, 8) << "in each of its files";
  disk_.room = 1u << 30;
  const JobId calm{"calm"};
  const auto other = life(calm, encoding);
  begin(*other);
  EXPECT_EQ(play(calm, *other, 1)->model, finished->model);
  ASSERT_TRUE(disk_.remove(models_.state_path(job, 1, kTarget)));
  const auto lost = play(job, *worker, 2);
  ASSERT_FALSE(lost) << "it would forget what was left out, and nobody would see it";
  EXPECT_EQ(lost.error().code, ErrorCode::kDataLoss);
}

TEST_F(Downloads, WhereTheModelIsTheShorterWayThereIsNoDelta) {
  const JobId small{"small"}, whole{"whole"};
  const Layout layout{{{"w", {3}}}};
  for (const auto& [job, encoding] :
       {std::pair(small, int_encoding("int8")), std::pair(whole, PluginChoice{"fp32", {}})}) {
    const auto worker = life(job, encoding);
    ASSERT_TRUE(worker->adopt_initial_model(
        {*blobs_->put(encode_safetensors({layout, {1.0f, 2.0f, 3.0f}})), 0}));
    const Bytes bytes = *encode_update({}, layout, std::vector<float>{0.5f, 0.25f, 0.125f}, 1);
    AcceptedUpdate one;
    one.key = {job, 1, 1, TaskKind::kTrain};
    one.site = SiteName{"a"};
    one.into = 1;
    one.result.update = {*blobs_->put(bytes), bytes.size()};
    one.result.examples = 1;
    worker->absorb({one, 1});
    const auto finished = worker->finish(1);
    ASSERT_TRUE(finished) << finished.error().message;
    EXPECT_TRUE(finished->delta.digest.is_none());
    EXPECT_FALSE(disk_.exists(models_.delta_path(job, 1)));
    EXPECT_EQ(disk_.exists(models_.state_path(job, 1, kTarget)), job == small);
  }
}

}  // namespace
}  // namespace tributary

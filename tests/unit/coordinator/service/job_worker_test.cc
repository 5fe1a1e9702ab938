// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/job_worker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "common/tensor/companions.h"
#include "common/tensor/safetensors.h"
#include "common/tensor/update_encoding.h"
#include "coordinator/service/record_json.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

const JobId kJob{"job"};
const Layout kLayout{{{"w", {2}}}};

class Worker : public testing::Test {
 protected:
  void SetUp() override {
    const Digest initial = *blobs_->put(encode_safetensors({kLayout, {1.0f, 2.0f}}));
    ASSERT_TRUE(worker_->adopt_initial_model({initial, 0}));
  }
  AcceptedUpdate update(const std::string& site, std::vector<float> values, std::uint64_t examples,
                        const EncodingChoice& encoding = {}) {
    const Bytes bytes = *encode_update(encoding, kLayout, values, 1);
    AcceptedUpdate update;
    update.key = {kJob, 1, 1, TaskKind::kTrain};
    update.site = SiteName{site};
    update.into = 1;
    update.result.update = {*blobs_->put(bytes), bytes.size()};
    update.result.examples = examples;
    return update;
  }
  Reason checked(const AcceptedUpdate& one) {
    return worker_->check(one.site, one.key, one.result).reason;
  }
  std::vector<float> values_of(RoundNumber round) {
    std::vector<float> values(2);
    EXPECT_EQ(*(*models_.read_model(kJob, round))->read(values), 2u);
    return values;
  }
  std::unique_ptr<JobWorker> fresh(const PluginChoice& rule = {"weighted_mean", {}},
                                   const PluginChoice& before = {"none", {}}) {
    JobSpec spec;
    spec.aggregation.before = before;
    spec.aggregation.rule = rule;
    spec.aggregation.server_optimizer.options = {{"learning_rate", 1.0}};
    return std::make_unique<JobWorker>(kJob, spec, *blobs_, models_);
  }

  TemporaryDirectory directory_;
  FullDisk disk_;
  std::unique_ptr<Staging> blobs_ =
      std::make_unique<Staging>(*BlobStore::open(disk_, directory_ / "blobs"), 0);
  ModelRepository models_{disk_, directory_ / "models"};
  std::unique_ptr<JobWorker> worker_ = fresh();
};

TEST_F(Worker, MakesTheWeightedMeanAndSurvivesAFullDisk) {
  worker_->absorb({update("a", {1.0f, 0.0f}, 30), 1000});
  worker_->absorb({update("b", {-1.0f, 4.0f}, 10), 1000});
  disk_.room = 0;
  EXPECT_FALSE(worker_->finish(1));
  disk_.room = 1u << 20;
  const auto finished = worker_->finish(1);
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_EQ(finished->examples, 40u);
  EXPECT_EQ(values_of(1), (std::vector<float>{1.5f, 3.0f}));
  EXPECT_TRUE(blobs_->contains(finished->model.digest)) << "sites can fetch it";
}

// Means of two groups of sites with 30 rows and 10, of which one site's rows count no more than the
// cap: as the mean over all of them. A rule that compares them sees them alike.
TEST_F(Worker, SumsOfSitesWeighWhatTheirSitesDo) {
  const auto absorb = [this](std::uint64_t first, std::uint64_t second) {
    AcceptedUpdate one = update("sum-1", {1.0f, 0.0f}, 300),
                   other = update("sum-2", {-1.0f, 4.0f}, 10);
    one.weight = first;
    other.weight = second;
    const std::uint64_t heaviest = std::max({first, second, std::uint64_t{1}});
    worker_->absorb({one, heaviest});
    worker_->absorb({other, heaviest});
    return worker_->finish(1);
  };
  const auto finished = absorb(30, 10);
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_EQ(finished->examples, 310u);
  EXPECT_EQ(values_of(1), (std::vector<float>{1.5f, 3.0f}));
  worker_ = fresh({"median", {}});
  ASSERT_TRUE(absorb(0, 0));
  EXPECT_EQ(values_of(1), (std::vector<float>{1.0f, 4.0f}));
}

// Clipped to 2 and 0.25 times the planned sum; the noise is so small that it does not show.
TEST_F(Worker, HidesSitesAndSaysWhatItCost) {
  JobSpec spec;
  spec.aggregation.server_optimizer.options = {{"learning_rate", 1.0}};
  spec.rounds.target = 4;
  spec.privacy.sites =
      SitePrivacy{.clip = 99.0, .noise_multiplier = 0.01, .adaptive = AdaptiveClip{0.5, 0.2, 0.2}};
  const auto made = [&](std::uint64_t seed) {
    worker_ = std::make_unique<JobWorker>(kJob, spec, *blobs_, models_, one_after_another,
                                          std::make_shared<SumMemory>(),
                                          std::make_unique<SeededRandom>(seed));
    AcceptedUpdate small = update("a", {1.0f, 0.0f}, 30), large = update("b", {0.0f, -40.0f}, 1);
    small.norm = 1.0;
    large.norm = 40.0;
    worker_->absorb({small, 1000, 0, 2.0});  // the clip of the round, not that of the file
    worker_->absorb({large, 1000, 0, 2.0});
    return worker_->finish(1);
  };
  const auto finished = made(1);
  ASSERT_TRUE(finished) << finished.error().message;
  const std::vector<float> values = values_of(1);
  EXPECT_NEAR(values[0], 1.0f + 0.25f, 0.05);
  EXPECT_NEAR(values[1], 2.0f - 0.5f, 0.05);
  ASSERT_TRUE(finished->spent.has_value());
  EXPECT_GT(finished->spent->epsilon, 100.0) << "so little noise hides nothing";
  EXPECT_GT(finished->spent->with_next, finished->spent->epsilon);
  EXPECT_NEAR(finished->spent->clip, 2.0 * std::exp(-0.2 * (0.5 - 0.5)), 0.3);
  ASSERT_TRUE(made(2));
  EXPECT_NE(values_of(1), values) << "another life draws other noise";
}

// Under secure aggregation each site has shortened its update and added noise: here nothing is, and
// the next clip is what the sum's own count made of it.
TEST_F(Worker, ASumInWhichSitesHideIsTakenAsItIsAndPaidFor) {
  JobSpec spec;
  spec.aggregation.server_optimizer.options = {{"learning_rate", 1.0}};
  spec.rounds.target = 4;
  spec.privacy.sites = SitePrivacy{.noise_multiplier = 2.0, .adaptive = AdaptiveClip{0.5, 0.2, 2}};
  spec.privacy.secure_aggregation = SecureAggregation{};
  worker_ = std::make_unique<JobWorker>(kJob, spec, *blobs_, models_);
  AcceptedUpdate sum = update("sum-1", {8.0f, -16.0f}, 0);
  sum.norm = 17.9;
  sum.next_clip = 0.75;
  // As it comes back after a restart.
  worker_->absorb({*accepted_from_json(accepted_to_json(sum)), 1000, 0, 1.0});
  const auto finished = worker_->finish(1);
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_EQ(values_of(1), (std::vector<float>{9.0f, -14.0f}));
  ASSERT_TRUE(finished->spent.has_value());
  EXPECT_EQ(finished->spent->clip, 0.75);
  EXPECT_GT(finished->spent->epsilon, 0);
  EXPECT_EQ(finished->examples, 0u) << "nobody was told";
}

TEST_F(Worker, WithoutAnUpdateThatIsGoneThereIsNoSum) {
  const AcceptedUpdate gone = update("a", {1.0f, 0.0f}, 30);
  const AcceptedUpdate here = update("b", {-1.0f, 4.0f}, 10);
  ASSERT_TRUE(blobs_->remove(gone.result.update.digest));
  worker_->absorb({gone, 1000});
  worker_->absorb({here, 1000});
  const auto failed = worker_->finish(1);
  ASSERT_FALSE(failed);
  EXPECT_TRUE(worker_->take_lost(1)) << failed.error().message;
  worker_->absorb({here, 1000});
  worker_->absorb({update("a", {1.0f, 0.0f}, 30), 1000});
  ASSERT_TRUE(worker_->finish(1));
  EXPECT_EQ(values_of(1), (std::vector<float>{1.5f, 3.0f}));
}

// An update in memory is in the sum only, once it is there: without the sum all must come again.
TEST_F(Worker, WhatLayInMemoryIsForgottenWhenItIsInTheSum) {
  blobs_ = std::make_unique<Staging>(*BlobStore::open(disk_, directory_ / "blobs"), 1u << 20);
  const EncodingChoice int8{.name = "int8", .zstd = 3};
  JobSpec spec;
  spec.aggregation.server_optimizer.options = {{"learning_rate", 1.0}};
  spec.train.encoding = {"int8", {{"block", std::int64_t{1024}}, {"zstd", std::int64_t{3}}}};
  worker_ = std::make_unique<JobWorker>(kJob, spec, *blobs_, models_);
  const auto in_memory = [this](const AcceptedUpdate& one) {
    const BlobRef& blob = one.result.update;
    const Bytes bytes = *blobs_->read(blob.digest);
    ASSERT_TRUE(blobs_->remove(blob.digest));
    ASSERT_TRUE(blobs_->reserve(blob));
    const auto writer = blobs_->receive(blob);
    ASSERT_TRUE((*writer)->append(bytes));
    ASSERT_TRUE((*writer)->commit());
    blobs_->release(blob.digest);
    blobs_->need(blob.digest, {kJob, one.site});
  };
  const AcceptedUpdate first = update("a", {1.0f, 1.0f}, 30, int8);
  const AcceptedUpdate second = update("b", {-1.0f, -1.0f}, 10, int8);
  in_memory(first);
  worker_->absorb({first, 1000});
  EXPECT_FALSE(blobs_->contains(first.result.update.digest));
  const std::string path = blobs_->path(second.result.update.digest);
  const Bytes whole = *blobs_->read(second.result.update.digest);
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(8 + std::to_integer<int>(whole[0]) + 256 * std::to_integer<int>(whole[1]))
      .write("\x55\x55\x55\x55", 4);  // the header is whole, what comes after it cannot be read
  worker_->absorb({second, 1000});
  const auto failed = worker_->finish(1);
  ASSERT_FALSE(failed);
  EXPECT_TRUE(worker_->take_lost(1)) << failed.error().message;
  EXPECT_FALSE(worker_->take_lost(1));
  std::filesystem::remove(path);
  for (const auto& one :
       {update("a", {1.0f, 1.0f}, 30, int8), update("b", {-1.0f, -1.0f}, 10, int8)}) {
    in_memory(one);
    worker_->absorb({one, 1000});
  }
  ASSERT_TRUE(worker_->finish(1));
  EXPECT_EQ(values_of(1), (std::vector<float>{1.5f, 2.5f}));
}

TEST_F(Worker, AnotherLifeAndAnotherOrderGiveTheSameBytes) {
  std::vector<AcceptedUpdate> updates;
  for (int i = 0; i < 7; ++i) {
    updates.push_back(update("s" + std::to_string(i), {0.1f * static_cast<float>(i), -0.37f},
                             3 + static_cast<std::uint64_t>(i)));
  }
  for (const auto& one : updates) worker_->absorb({one, 1000});
  const BlobRef first = worker_->finish(1)->model;
  std::ranges::reverse(updates);
  const auto again = fresh();
  for (const auto& one : updates) again->absorb({one, 1000});
  EXPECT_EQ(again->finish(1)->model, first);
}

TEST_F(Worker, TakesUpdatesAsTheJobWantsThemWrittenAndNoOthers) {
  const EncodingChoice int8{.name = "int8", .zstd = 3};
  JobSpec spec;
  spec.aggregation.server_optimizer.options = {{"learning_rate", 1.0}};
  spec.train.encoding = {"int8", {{"block", std::int64_t{1024}}, {"zstd", std::int64_t{3}}}};
  worker_ = std::make_unique<JobWorker>(kJob, spec, *blobs_, models_);
  const AcceptedUpdate fits = update("a", {1.0f, -1.0f}, 30, int8);
  EXPECT_EQ(checked(fits), Reason::kAccepted);
  const AcceptedUpdate plain = update("b", {1.0f, -1.0f}, 30);
  const UpdateChecked refused = worker_->check(plain.site, plain.key, plain.result);
  EXPECT_EQ(refused.reason, Reason::kMalformed);
  EXPECT_NE(refused.detail.find("the job wants int8"), std::string::npos) << refused.detail;
  EXPECT_EQ(checked(update("c", {1.0f, -1.0f}, 30, {.name = "int8"})), Reason::kMalformed)
      << "not compressed";
  EXPECT_EQ(checked(update("d", {2000.0f, 0.0f}, 30, int8)), Reason::kOutOfBounds);
  worker_->absorb({fits, 1000});
  ASSERT_TRUE(worker_->finish(1));
  EXPECT_NEAR(values_of(1)[0], 2.0f, 1e-5) << "the largest value of a block is exact";
  EXPECT_NEAR(values_of(1)[1], 1.0f, 1e-5);
  worker_ = fresh();
  EXPECT_EQ(checked(update("e", {1.0f, 0.0f}, 30, int8)), Reason::kMalformed)
      << "a job that names no encoding wants none";
}

// Rules that see all updates together read them again from the blob store.
const PluginChoice kTrimmed{"trimmed_mean", {{"byzantine", std::int64_t{1}}}};

TEST_F(Worker, ARuleThatSeesAllUpdatesTogetherGivesTheSameBytesInAnotherLife) {
  std::vector<AcceptedUpdate> updates;
  for (int i = 0; i < 7; ++i) {
    updates.push_back(
        update("s" + std::to_string(i), {0.1f * static_cast<float>(i * i), -0.37f}, 3));
  }
  for (const PluginChoice& before :
       {PluginChoice{"none", {}}, PluginChoice{"bucketing", {{"size", std::int64_t{2}}}}}) {
    const auto one_life = fresh(kTrimmed, before);
    for (const auto& one : updates) one_life->absorb({one, 1000});
    const auto first = one_life->finish(1);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->examples, 21u);
    const auto killed = fresh(kTrimmed, before);
    for (int i = 0; i < 4; ++i) killed->absorb({updates[static_cast<std::size_t>(i)], 1000});
    const auto next_life = fresh(kTrimmed, before);
    std::ranges::reverse(updates);
    for (const auto& one : updates) next_life->absorb({one, 1000});
    EXPECT_EQ(next_life->finish(1)->model, first->model);
  }
}

TEST_F(Worker, ARuleThatSeesAllUpdatesTogetherWaitsForADiskThatFails) {
  worker_ = fresh(kTrimmed);
  for (const float value : {1.0f, 2.0f, 4.0f, 8.0f})
    worker_->absorb({update("s" + std::to_string(value), {value, -value}, 30), 1000});
  disk_.reads_left = 8;  // heads, and not all values
  const auto failed = worker_->finish(1);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().code, ErrorCode::kInvalidArgument) << "it may be well again";
  disk_.reads_left = std::numeric_limits<int>::max();
  ASSERT_TRUE(worker_->finish(1));
  EXPECT_EQ(values_of(1), (std::vector<float>{1.0f + 3.0f, 2.0f - 3.0f}));
}

TEST_F(Worker, SaysThatTheRuleIsNotDefinedForSoFewUpdates) {
  worker_ = fresh(kTrimmed);
  worker_->absorb({update("a", {1.0f, 0.0f}, 30), 1000});
  worker_->absorb({update("b", {1.0f, 0.0f}, 30), 1000});
  const auto failed = worker_->finish(1);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(failed.error().message,
            "trimmed_mean with byzantine: 1 needs at least 3 updates, and there are 2");
}

TEST_F(Worker, RefusesWhatIsNoUpdate) {
  EXPECT_EQ(checked(update("a", {1.0f, 0.0f}, 3)), Reason::kAccepted);
  EXPECT_EQ(checked(update("a", {NAN, 0.0f}, 3)), Reason::kNotFinite);
  EXPECT_EQ(checked(update("a", {1e6f, 0.0f}, 3)), Reason::kOutOfBounds);
  AcceptedUpdate wrong = update("a", {1.0f, 0.0f}, 3);
  wrong.result.update.digest =
      *blobs_->put(encode_safetensors({Layout{{{"v", {2}}}}, {1.0f, 2.0f}}));
  EXPECT_EQ(checked(wrong), Reason::kWrongShape);
  wrong.result.update.digest = *blobs_->put(as_bytes("garbage"));
  EXPECT_EQ(checked(wrong), Reason::kMalformed);
  EXPECT_FALSE(
      worker_->adopt_initial_model({*blobs_->put(encode_safetensors({kLayout, {NAN, 0.0f}})), 0}));
}

TEST_F(Worker, AnUpdateThatBreaksOffWhileItIsFoldedCostsNoOtherItsPlace) {
  worker_->absorb({update("a", {1.0f, 0.0f}, 30), 1000});
  disk_.reads_left = 2;  // the header of the next one, and no values
  worker_->absorb({update("b", {-1.0f, 4.0f}, 10), 1000});
  disk_.reads_left = 0;
  EXPECT_FALSE(worker_->finish(1));
  disk_.reads_left = std::numeric_limits<int>::max();
  ASSERT_TRUE(worker_->finish(1));
  EXPECT_EQ(values_of(1), (std::vector<float>{0.5f + 1.0f, 3.0f}));
}

// Rounds of a job whose server optimiser keeps a state, over several lives.
class StatefulWorker : public Worker {
 protected:
  std::unique_ptr<JobWorker> life(const std::string& optimizer, const JobId& job) {
    JobSpec spec;
    OptionMap options = {{"learning_rate", 0.1}, {"beta", 0.9}};
    if (optimizer != "momentum") options = {{"learning_rate", 0.1}, {"tau", 0.001}};
    if (optimizer == "adam" || optimizer == "yogi") {
      options["beta1"] = 0.9;
      options["beta2"] = 0.99;
    }
    spec.aggregation.server_optimizer = {optimizer, options};
    spec.aggregation.schedule = {"cosine", {{"minimum", 0.0}, {"warmup", std::int64_t{1}}}};
    spec.aggregation.planned_rounds = 4;
    return std::make_unique<JobWorker>(job, spec, *blobs_, models_);
  }
  // The model of round 0, then round after round.
  void begin(JobWorker& worker) {
    ASSERT_TRUE(
        worker.adopt_initial_model({*blobs_->put(encode_safetensors({kLayout, {1.0f, 2.0f}})), 0}));
  }
  Result<RoundFinished> play(JobWorker& worker, RoundNumber round) {
    const float size = static_cast<float>(round);
    AcceptedUpdate one = update("a", {0.3f * size, -0.7f}, 30);
    one.into = one.key.round = round;
    worker.absorb({one, 1000});
    return worker.finish(round);
  }
  Bytes state_bytes(const JobId& job, RoundNumber round, const StateName& state) {
    return *disk_.read(models_.state_path(job, round, state), 1u << 20);
  }
};

TEST_F(StatefulWorker, AnotherLifeInEachRoundGivesTheSameBits) {
  for (const std::string optimizer : {"momentum", "adam", "yogi", "adagrad"}) {
    SCOPED_TRACE(optimizer);
    const JobId one{optimizer + "-one"}, many{optimizer + "-many"};
    const auto lasting = life(optimizer, one);
    begin(*lasting);
    begin(*life(optimizer, many));
    for (RoundNumber round = 1; round <= 4; ++round) {
      const auto expected = play(*lasting, round);
      ASSERT_TRUE(expected) << expected.error().message;
      // Killed after the files were written and before the round was recorded: done again.
      for (int life_of_round = 0; life_of_round < 2; ++life_of_round) {
        const auto again = play(*life(optimizer, many), round);
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(again->model, expected->model) << round;
      }
      for (const StateVector& state : (*find_server_optimizer(optimizer))->state) {
        const StateName name{optimizer, state.name};
        EXPECT_EQ(state_bytes(one, round, name), state_bytes(many, round, name));
        EXPECT_FALSE(round > 1 && disk_.exists(models_.state_path(one, round - 2, name)));
      }
    }
  }
}

TEST_F(StatefulWorker, AStateThatIsNotItsOwnIsAnErrorThatSaysSo) {
  const auto worker = life("adam", kJob);
  begin(*worker);
  ASSERT_TRUE(play(*worker, 1));
  const std::string path = models_.state_path(kJob, 1, {"adam", "v"});
  const Bytes good = *disk_.read(path, 1u << 20);
  const auto error_of = [&](ByteView bytes) {
    EXPECT_TRUE(disk_.write_durably(path, bytes));
    const auto finished = play(*worker, 2);
    EXPECT_FALSE(finished);
    return finished ? std::string() : finished.error().message;
  };
  const Model zeros{kLayout, {0.0f, 0.0f}};
  for (const auto& bytes : {encode_safetensors(zeros),  // as an earlier version wrote it
                            encode_safetensors(zeros, {{"tributary.server_optimizer", "yogi"},
                                                       {"tributary.state", "v"}}),
                            state_bytes(kJob, 1, {"adam", "m"})}) {
    EXPECT_NE(error_of(bytes).find("is not the state 'v' of server optimizer 'adam' after round 1"),
              std::string::npos);
  }
  EXPECT_NE(error_of(as_bytes("garbage")).find(path), std::string::npos);
  const Model cut{Layout{{{"w", {1}}}}, {0.0f}};
  EXPECT_NE(error_of(encode_safetensors(
                         cut, {{"tributary.server_optimizer", "adam"}, {"tributary.state", "v"}}))
                .find("another layout"),
            std::string::npos);
  ASSERT_TRUE(disk_.remove(path));
  EXPECT_NE(play(*worker, 2).error().message.find("is missing"), std::string::npos);
  ASSERT_TRUE(disk_.write_durably(path, good));
  EXPECT_TRUE(worker->finish(2));
}

TEST_F(StatefulWorker, ItsFilesHaveTheTensorsOfTheModel) {
  const auto worker = life("adam", kJob);
  begin(*worker);
  ASSERT_TRUE(play(*worker, 1));
  const auto m = *decode_safetensors(state_bytes(kJob, 1, {"adam", "m"}));
  const auto v = *decode_safetensors(state_bytes(kJob, 1, {"adam", "v"}));
  EXPECT_EQ(m.layout, kLayout);
  EXPECT_NEAR(m.values[1], 0.1 * -0.7, 1e-7);
  EXPECT_NEAR(v.values[1], 0.99e-6 + 0.01 * 0.49, 1e-8);
}

// Rounds of an algorithm that has a half here.
class AlgorithmWorker : public Worker {
 protected:
  std::unique_ptr<JobWorker> life(const std::string& algorithm, const JobId& job) {
    JobSpec spec;
    spec.train.algorithm = {algorithm, {}};
    if (algorithm == "feddyn") spec.train.algorithm.options = {{"alpha", 0.5}};
    spec.aggregation.algorithm = spec.train.algorithm;
    spec.aggregation.server_optimizer = {"momentum", {{"learning_rate", 1.0}, {"beta", 0.5}}};
    auto worker = std::make_unique<JobWorker>(job, spec, *blobs_, models_);
    companions_ = companions_of(algorithm);
    return worker;
  }
  Result<BlobRef> begin(JobWorker& worker) {
    return worker.adopt_initial_model(
        {*blobs_->put(encode_safetensors({kLayout, {1.0f, 2.0f}})), 0});
  }
  // Of two sites, which weigh 40 of 80; `beside` is what the algorithm's tensors or value are.
  Result<RoundFinished> play(JobWorker& worker, RoundNumber round) {
    for (const float site : {1.0f, 3.0f}) {
      Model update{update_layout(companions_, kLayout), {0.3f * site, -0.7f}};
      while (update.values.size() < update.layout.element_count()) update.values.push_back(site);
      AcceptedUpdate one;
      one.key = {kJob, round, 1, TaskKind::kTrain};
      one.site = SiteName{std::to_string(site)};
      one.into = round;
      const Bytes bytes = encode_safetensors(update);
      one.result.update = {*blobs_->put(bytes), bytes.size()};
      one.result.examples = site < 2.0f ? 30 : 10;
      const UpdateChecked verdict = worker.check(one.site, one.key, one.result);
      EXPECT_EQ(verdict.reason, Reason::kAccepted) << verdict.detail;
      EXPECT_NEAR(verdict.norm, std::hypot(0.3 * static_cast<double>(site), 0.7), 1e-6);
      worker.absorb({one, 1000, 80});
    }
    return worker.finish(round);
  }
  Companions companions_;
};

TEST_F(AlgorithmWorker, AnotherLifeInEachRoundGivesTheSameBits) {
  for (const std::string algorithm : {"scaffold", "fednova", "feddyn"}) {
    SCOPED_TRACE(algorithm);
    const JobId one{algorithm + "-one"}, many{algorithm + "-many"};
    const auto lasting = life(algorithm, one);
    ASSERT_EQ(*begin(*lasting), *begin(*life(algorithm, many)));
    for (RoundNumber round = 1; round <= 4; ++round) {
      const auto expected = play(*lasting, round);
      ASSERT_TRUE(expected) << expected.error().message;
      for (int life_of_round = 0; life_of_round < 2; ++life_of_round) {
        const auto again = play(*life(algorithm, many), round);
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(again->model, expected->model) << round;
      }
    }
  }
}

TEST_F(AlgorithmWorker, SitesAreSentTheControlVariateWithTheModel) {
  const auto worker = life("scaffold", kJob);
  const BlobRef initial = *begin(*worker);
  const auto sent = [&](const BlobRef& blob) {
    return *split_sent(companions_, *decode_safetensors(*blobs_->read(blob.digest)));
  };
  EXPECT_EQ(sent(initial).along, (std::vector<float>{0.0f, 0.0f}));
  EXPECT_EQ(sent(initial).model.values, (std::vector<float>{1.0f, 2.0f}));
  const auto first = play(*worker, 1);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->model.bytes, initial.bytes) << "an update may be as large";
  EXPECT_EQ(sent(first->model).along, (std::vector<float>{0.75f, 0.75f})) << "half of the mean";
  EXPECT_EQ(sent(first->model).model.values, values_of(1)) << "the model's own file has no more";
  const auto second = play(*worker, 2);
  EXPECT_EQ(sent(second->model).along, (std::vector<float>{1.5f, 1.5f}));
  // The blob store lost it: a restart makes it again from the files.
  ASSERT_TRUE(blobs_->remove(second->model.digest));
  JobSpec spec;
  spec.train.algorithm = {"scaffold", {}};
  ASSERT_TRUE(models_.publish(kJob, 2, second->model, sent_state(spec), *blobs_));
  EXPECT_EQ(sent(second->model).along, (std::vector<float>{1.5f, 1.5f}));
}

TEST_F(AlgorithmWorker, AnUpdateWithoutWhatTheAlgorithmSendsIsRefused) {
  const auto worker = life("scaffold", kJob);
  ASSERT_TRUE(begin(*worker));
  const AcceptedUpdate plain = update("a", {1.0f, 0.0f}, 30);
  EXPECT_EQ(worker->check(plain.site, plain.key, plain.result).reason, Reason::kWrongShape);
}

TEST_F(Worker, WhereAFileHasOneNameOnlySitesAreSentACopy) {
  disk_.no_links = true;
  worker_->absorb({update("a", {1.0f, 0.0f}, 30), 1000});
  const auto finished = worker_->finish(1);
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_TRUE(blobs_->read(finished->model.digest));
}

TEST_F(Worker, AFailedRoundLeavesNoFileBehind) {
  worker_->absorb({update("a", {1.0f, 0.0f}, 30), 1000});
  disk_.room = 60;  // in the middle of the new model
  EXPECT_FALSE(worker_->finish(1));
  EXPECT_FALSE(disk_.exists(models_.model_path(kJob, 1)));
  EXPECT_EQ(disk_.list(directory_ / "models/job")->size(), 1u) << "the initial model";
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Noise of sums over rounds as the worker makes it: no restart, no full disk and no round that is
// made again changes what cancels, what it follows from lies beside the models for one user alone,
// and without that a job does not go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <bit>
#include <cmath>

#include "common/tensor/safetensors.h"
#include "common/tensor/update_encoding.h"
#include "coordinator/service/job_worker.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;

const JobId kJob{"job"};
constexpr std::size_t kValues = 3'000;
const Layout kLayout{{{"w", {static_cast<std::int64_t>(kValues)}}}};
constexpr double kClip = 2.0, kNoise = 1.5, kTarget = 4.0;

// One life after another of a job's worker, on one disk.
class Job {
 public:
  explicit Job(std::uint32_t rounds_per_pass = 4) {
    spec_.aggregation.server_optimizer.options = {{"learning_rate", 1.0}};
    spec_.rounds.target = 4;
    spec_.privacy.sites = SitePrivacy{.mechanism = SiteMechanism::kTree,
                                      .clip = kClip,
                                      .noise_multiplier = kNoise,
                                      .max_epsilon = 1e6,
                                      .rounds_per_pass = rounds_per_pass,
                                      .adaptive = {}};
    live(1);
    const Digest initial =
        *blobs_->put(encode_safetensors({kLayout, std::vector<float>(kValues, 0.0f)}));
    EXPECT_TRUE(worker_->adopt_initial_model({initial, 0}));
  }

  // The worker of another life draws other numbers than the one before.
  void live(std::uint64_t seed) {
    worker_ = std::make_unique<JobWorker>(kJob, spec_, *blobs_, models, one_after_another,
                                          std::make_shared<SumMemory>(),
                                          std::make_unique<SeededRandom>(seed));
  }
  // Of two sites that send nothing but zeros, and one number that may differ.
  void absorb(RoundNumber round, float number = 0.0f, bool turned = false) {
    std::vector<float> values(kValues, 0.0f);
    values[0] = number;
    for (const char* site : {turned ? "b" : "a", turned ? "a" : "b"}) {
      AcceptedUpdate update;
      update.key = {kJob, round, 1, TaskKind::kTrain};
      update.site = SiteName{site};
      update.into = round;
      const Bytes bytes = *encode_update({}, kLayout, values, 1);
      update.result.update = {*blobs_->put(bytes), bytes.size()};
      update.result.examples = 10;
      update.norm = static_cast<double>(std::abs(number));
      worker_->absorb({update, 1000, 0, kClip});
    }
  }
  Result<RoundFinished> finish(RoundNumber round) { return worker_->finish(round); }
  void make(RoundNumber round) {
    absorb(round);
    const auto finished = finish(round);
    EXPECT_TRUE(finished) << finished.error().message;
  }
  std::vector<float> model(RoundNumber round) {
    std::vector<float> values(kValues);
    EXPECT_EQ(*(*models.read_model(kJob, round))->read(values), kValues);
    return values;
  }

  FullDisk disk;

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<Staging> blobs_ =
      std::make_unique<Staging>(*BlobStore::open(disk, directory_ / "blobs"), 0);

 public:
  ModelRepository models{disk, directory_ / "models"};

 private:
  JobSpec spec_;
  std::unique_ptr<JobWorker> worker_;
};

double squares_of(const std::vector<float>& values) {
  double sum = 0.0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum;
}

// Nobody sent anything: each model is its noise, that of as many nodes as its round has ones.
TEST(NoiseOverRounds, AModelHasTheNoiseOfItsNodesAndOfPassesThatAreOver) {
  Job job(8);
  for (RoundNumber round = 1; round <= 11; ++round) {
    job.make(round);
    const int nodes = std::popcount(round % 8) + (round >= 8 ? 1 : 0);
    const double of_node = kNoise * kClip / kTarget;
    EXPECT_NEAR(squares_of(job.model(round)) / (of_node * of_node * nodes), kValues,
                5 * std::sqrt(2.0 * kValues))
        << "round " << round;
  }
}

TEST(NoiseOverRounds, ARestartBeforeEachRoundChangesNoBit) {
  Job calm, restless;
  for (RoundNumber round = 1; round <= 10; ++round) {
    calm.make(round);
    restless.absorb(round, 0.0f, true);
    if (round > 1) {  // in the first round the tree begins
      restless.live(100 + round);
      restless.absorb(round, 0.0f, round % 2 == 0);
    }
    if (round % 3 == 0) {
      restless.disk.room = 2'000;
      EXPECT_FALSE(restless.finish(round));
      restless.disk.room = 1u << 24;
    }
    ASSERT_TRUE(restless.finish(round));
    if (round % 4 == 1) {  // finished, and killed before the commit
      restless.live(200 + round);
      restless.absorb(round);
      ASSERT_TRUE(restless.finish(round));
    }
    EXPECT_EQ(calm.model(round), restless.model(round)) << "round " << round;
  }
}

// A model that nobody was sent, and the one that is committed in its place: were their noise the
// same, two such models would tell what one site sent.
TEST(NoiseOverRounds, ARoundThatIsMadeAgainOfOtherUpdatesHasOtherNoise) {
  Job job;
  for (RoundNumber round = 1; round <= 2; ++round) job.make(round);
  job.absorb(3, 1.0f);
  ASSERT_TRUE(job.finish(3));
  const std::vector<float> first = job.model(3);
  job.live(7);
  job.absorb(3, 0.5f);
  ASSERT_TRUE(job.finish(3));
  std::vector<float> apart = job.model(3);
  for (std::size_t i = 0; i < kValues; ++i) apart[i] -= first[i];
  const double of_node = kNoise * kClip / kTarget;
  EXPECT_NEAR(squares_of(apart) / (2 * of_node * of_node), kValues, 5 * std::sqrt(2.0 * kValues));
  job.make(4);
  EXPECT_NEAR(squares_of(job.model(4)) / (of_node * of_node), kValues, 5 * std::sqrt(2.0 * kValues))
      << "and what was committed cancels: one node is left of the pass";
}

TEST(NoiseOverRounds, ItsKeysLieThereBeforeAModelDoesForOneUserAlone) {
  Job job;
  job.absorb(1);
  job.disk.room = 1'000;  // the keys, and no model
  EXPECT_FALSE(job.finish(1));
  job.disk.room = 1u << 24;
  EXPECT_FALSE(job.models.read_model(kJob, 1));
  for (const RoundNumber round : {0u, 1u}) {
    struct stat info {};
    ASSERT_EQ(::stat(job.models.noise_path(kJob, round).c_str(), &info), 0) << round;
    EXPECT_EQ(info.st_mode & 0777u, 0600u);
  }
  for (RoundNumber round = 1; round <= 5; ++round) job.make(round);
  EXPECT_FALSE(job.models.has_noise(kJob, 3)) << "what no round follows from any more";
  EXPECT_TRUE(job.models.has_noise(kJob, 4)) << "the last round may have to be made again";
  ASSERT_TRUE(job.models.remove_noise(kJob));
  EXPECT_FALSE(job.models.has_noise(kJob, 4) || job.models.has_noise(kJob, 5));
  EXPECT_TRUE(job.models.remove_noise(JobId{"unknown"}));
}

TEST(NoiseOverRounds, WithoutWhatItFollowsFromTheJobDoesNotGoOn) {
  for (const char* damage : {"gone", "changed", "cut", "of another round", "of another job"}) {
    SCOPED_TRACE(damage);
    Job job;
    for (RoundNumber round = 1; round <= 2; ++round) job.make(round);
    EXPECT_TRUE(job.models.check_noise(kJob, 2, 4));
    const std::string path = job.models.noise_path(kJob, 2), what = damage;
    Bytes bytes = *job.disk.read(path, 4096);
    if (what == "gone") {
      ASSERT_TRUE(job.disk.remove(path));
    }
    if (what == "changed") bytes[20] ^= std::byte{1};
    if (what == "cut") bytes.resize(bytes.size() - 1);
    if (what == "of another round") bytes = *job.disk.read(job.models.noise_path(kJob, 1), 4096);
    if (what == "of another job") {
      const JobId other{"other"};
      ASSERT_TRUE(job.disk.make_directories(path.substr(0, path.find("/job/")) + "/other"));
      ASSERT_TRUE(job.models.write_noise(other, *job.models.read_noise(kJob, 2, 4)));
      bytes = *job.disk.read(job.models.noise_path(other, 2), 4096);
    }
    if (what != "gone") {
      ASSERT_TRUE(job.disk.write_durably(path, bytes));
    }
    const auto checked = job.models.check_noise(kJob, 2, 4);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::kDataLoss);
    job.live(5);
    job.absorb(3);
    const auto finished = job.finish(3);
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().code, ErrorCode::kInvalidArgument) << "trying again does not help";
    EXPECT_THAT(finished.error().message, HasSubstr("noise-0002.key"));
    EXPECT_FALSE(job.models.read_model(kJob, 3));
  }
}

TEST(NoiseOverRounds, NoTwoJobsHaveTheSame) {
  Job one, other;
  other.live(2);
  one.make(1);
  other.make(1);
  std::vector<float> apart = one.model(1);
  const std::vector<float> theirs = other.model(1);
  for (std::size_t i = 0; i < kValues; ++i) apart[i] -= theirs[i];
  const double of_node = kNoise * kClip / kTarget;
  EXPECT_NEAR(squares_of(apart) / (2 * of_node * of_node), kValues, 5 * std::sqrt(2.0 * kValues));
}

}  // namespace
}  // namespace tributary

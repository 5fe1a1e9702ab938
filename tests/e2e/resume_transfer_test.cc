// SPDX-License-Identifier: Apache-2.0
// kill -9 of the receiver in the middle of a large upload or download: after its restart the
// transfer goes on at the byte that had arrived, and nothing is trained again.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSome = 2u << 20;

// One coordinator, one site, a model of 36 MB.
class ResumeTransfer : public testing::Test {
 protected:
  // A transfer over the loopback may end before the kill: then the next round is another try.
  static constexpr int kRounds = 6;

  void SetUp() override {
    files_.start_coordinator();
    files_.start_client(1);
    files_.submit(files_.write_job(
        "{steps: 1, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}",
        "{count: " + std::to_string(kRounds) + ", minimum_sites: 1, deadline: 60s}",
        "[3000, 3000]"));
  }

  // What has arrived of the blob in that state directory whose digest begins so.
  std::uint64_t part(const std::string& state, const std::string& digest = "") const {
    std::error_code error;
    for (fs::directory_iterator at(files_.path(state + "/blobs"), error), end; !error && at != end;
         at.increment(error)) {
      const std::string name = at->path().filename().string();
      std::error_code gone;  // by now it may have its final name
      const auto bytes = at->file_size(gone);
      if (!gone && name.starts_with(digest) && name.ends_with(".part")) return bytes;
    }
    return 0;
  }
  bool done(const std::string& task, int round) const {
    return !files_.events("client.outcome", {{"task", task}, {"round", std::to_string(round)}})
                .empty();
  }
  // True as soon as some of it is there; false when the task is done before.
  bool catch_part(const std::string& state, const std::string& digest, const std::string& task,
                  int round) const {
    for (int turn = 0; part(state, digest) < kSome; ++turn) {
      if (turn % 64 == 63 && done(task, round)) return false;
      ::poll(nullptr, 0, 1);
    }
    return true;
  }
  void expect_it_went_on(const Json& resumed, std::uint64_t arrived) const {
    const auto offset = resumed["offset"].get<std::uint64_t>();
    const auto bytes = resumed["bytes"].get<std::uint64_t>();
    EXPECT_GE(offset, kSome);
    EXPECT_EQ(offset, arrived) << "all that had arrived is used";
    EXPECT_LT(arrived + (bytes - offset), 2 * bytes) << "what was sent in both lives";
    EXPECT_GT(bytes, 30'000'000u);
  }

  // False: it was over before.
  bool kill_the_coordinator_in_an_upload(int round) {
    const std::string number = std::to_string(round);
    EXPECT_TRUE(files_.wait_for("round.started", {{"task", "train"}, {"round", number}}));
    if (!catch_part("coordinator", "", "train", round)) return false;
    files_.kill_coordinator();
    const std::uint64_t arrived = part("coordinator");
    files_.start_coordinator();
    EXPECT_TRUE(files_.wait_for("client.outcome", {{"task", "train"}, {"round", number}}));
    const auto resumed = files_.events("transfer.resumed", {{"site", "hospital-1"}});
    if (resumed.empty()) return false;  // all of it had arrived
    expect_it_went_on(resumed[0], arrived);
    const auto outcomes = files_.events("client.outcome", {{"task", "train"}, {"round", number}});
    EXPECT_EQ(outcomes[0]["reason"], "accepted");
    EXPECT_EQ(
        files_.client_events(1, "task.started", {{"task", "train"}, {"round", number}}).size(), 1u)
        << "nothing is trained again";
    return true;
  }
  bool kill_the_client_in_a_download(int round) {
    const std::string number = std::to_string(round);
    // The new global model, which the site fetches to evaluate it.
    const std::string model = files_.events("round.committed", {{"round", number}})[0]["model"];
    if (!catch_part("state-hospital-1", model, "evaluate", round)) return false;
    files_.kill_client(1);
    const std::uint64_t arrived = part("state-hospital-1", model);
    files_.start_client(1);
    EXPECT_TRUE(files_.wait_for("client.outcome", {{"task", "evaluate"}, {"round", number}}));
    const auto resumed = files_.client_events(1, "transfer.resumed");
    if (resumed.empty()) return false;
    expect_it_went_on(resumed[0], arrived);
    return true;
  }

  FederationFiles files_{1};
};

TEST_F(ResumeTransfer, GoesOnAtItsByteAfterTheReceiverWasKilled) {
  bool upload = false, download = false;
  for (int round = 1; round <= kRounds && !(upload && download); ++round) {
    upload = upload || kill_the_coordinator_in_an_upload(round);
    ASSERT_TRUE(files_.wait_for("round.committed", {{"round", std::to_string(round)}}))
        << files_.logs();
    download = download || kill_the_client_in_a_download(round);
  }
  EXPECT_TRUE(upload) << files_.logs();
  EXPECT_TRUE(download) << files_.logs();
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// kill -9 of the receiver in the middle of a large upload or download: after its restart the
// transfer goes on at the byte that had arrived, and nothing is trained again.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 6;  // tries: a transfer over the loopback may end before the kill
constexpr std::uint64_t kSome = 2u << 20;
constexpr const char* kTrain =
    "{steps: 1, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}";

// One coordinator, one site, a model of 64 MB.
class Large {
 public:
  Large() {
    files.start_coordinator();
    files.start_client(1);
    const std::string rounds =
        "{count: " + std::to_string(kRounds) + ", minimum_sites: 1, deadline: 60s}";
    files.submit(files.write_job(kTrain, rounds, "[4000, 4000]"));
  }

  // What has arrived of the blob in the state directory `side` whose digest begins so.
  std::uint64_t part(const std::string& side, const std::string& digest = "") const {
    std::error_code error;
    for (fs::directory_iterator at(files.path(side + "/blobs"), error), end; !error && at != end;
         at.increment(error)) {
      const std::string name = at->path().filename().string();
      std::error_code gone;  // by now it may have its final name
      const auto bytes = at->file_size(gone);
      if (!gone && name.starts_with(digest) && name.ends_with(".part")) return bytes;
    }
    return 0;
  }
  // True as soon as some of it is there; false when `over` comes before.
  bool catch_part(const std::string& side, const std::string& digest,
                  const std::function<bool()>& over) const {
    for (int turn = 0; part(side, digest) < kSome; ++turn) {
      if (turn % 64 == 63 && over()) return false;
      ::poll(nullptr, 0, 1);
    }
    return true;
  }

  FederationFiles files;
};

void expect_it_went_on(const Json& resumed, std::uint64_t arrived, const std::string& logs) {
  const auto offset = resumed["offset"].get<std::uint64_t>();
  const auto bytes = resumed["bytes"].get<std::uint64_t>();
  EXPECT_GE(offset, kSome) << logs;
  EXPECT_EQ(offset, arrived) << "all that had arrived is used";
  EXPECT_LT(arrived + (bytes - offset), 2 * bytes) << "what was sent in both lives";
  EXPECT_GT(bytes, 50'000'000u);
}

TEST(ResumeTransfer, AnUploadGoesOnAfterTheCoordinatorWasKilled) {
  Large large;
  FederationFiles& files = large.files;
  for (int round = 1; round <= kRounds; ++round) {
    const std::string number = std::to_string(round);
    ASSERT_TRUE(files.wait_for("round.started", {{"task", "train"}, {"round", number}}));
    const auto over = [&] {
      return !files.events("client.outcome", {{"task", "train"}, {"round", number}}).empty();
    };
    if (!large.catch_part("coordinator", "", over)) continue;
    files.kill_coordinator();
    const std::uint64_t arrived = large.part("coordinator");
    files.start_coordinator();
    ASSERT_TRUE(files.wait_for("client.outcome", {{"task", "train"}, {"round", number}}))
        << files.logs();
    const auto resumed = files.events("transfer.resumed", {{"site", "hospital-1"}});
    if (resumed.empty()) continue;  // it had just come to its end
    expect_it_went_on(resumed[0], arrived, files.logs());
    EXPECT_EQ(files.events("client.outcome", {{"task", "train"}, {"round", number}})[0]["reason"],
              "accepted");
    EXPECT_EQ(files.client_events(1, "task.started", {{"task", "train"}, {"round", number}}).size(),
              1u)
        << "nothing is trained again";
    return;
  }
  FAIL() << "no upload was caught in its middle\n" << files.logs();
}

TEST(ResumeTransfer, ADownloadGoesOnAfterTheClientWasKilled) {
  Large large;
  FederationFiles& files = large.files;
  for (int round = 1; round < kRounds; ++round) {
    const std::string number = std::to_string(round);
    ASSERT_TRUE(files.wait_for("round.committed", {{"round", number}})) << files.logs();
    // The new global model, which the site fetches to evaluate it.
    const std::string model = files.events("round.committed", {{"round", number}})[0]["model"];
    const auto over = [&] {
      return !files.events("client.outcome", {{"task", "evaluate"}, {"round", number}}).empty();
    };
    if (!large.catch_part("state-hospital-1", model, over)) continue;
    files.kill_client(1);
    const std::uint64_t arrived = large.part("state-hospital-1", model);
    files.start_client(1);
    ASSERT_TRUE(files.wait_for("client.outcome", {{"task", "evaluate"}, {"round", number}}))
        << files.logs();
    const auto resumed = files.client_events(1, "transfer.resumed");
    if (resumed.empty()) continue;
    expect_it_went_on(resumed[0], arrived, files.logs());
    return;
  }
  FAIL() << "no download was caught in its middle\n" << files.logs();
}

}  // namespace
}  // namespace tributary

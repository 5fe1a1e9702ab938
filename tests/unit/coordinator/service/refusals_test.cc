// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/refusals.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

class RefusalsTest : public testing::Test {
 protected:
  std::vector<Json> events(const std::string& name) {
    std::vector<Json> found;
    std::ifstream in(file_);
    for (std::string line; std::getline(in, line);) {
      if (Json json = Json::parse(line); json["event"] == name) found.push_back(std::move(json));
    }
    return found;
  }

  TemporaryDirectory directory_;
  const std::string file_ = directory_ / "log.jsonl";
  ManualClock clock_;
  std::unique_ptr<EventLog> log_ =
      *EventLog::open({.level = EventLevel::kDebug, .file = file_, .text_fd = -1}, clock_);
  Refusals refusals_{clock_, *log_};
  const Error why_ = make_error(ErrorCode::kUnauthenticated, "it does not speak TLS");
};

TEST_F(RefusalsTest, AFewAreToldOneByOne) {
  clock_.advance(Milliseconds(5'000));
  refusals_.refused("192.0.2.1:99", why_);
  clock_.advance(Milliseconds(2'000));
  refusals_.pass_time();
  ASSERT_EQ(events("link.refused").size(), 1u);
  EXPECT_EQ(events("link.refused")[0]["detail"], "it does not speak TLS");
  EXPECT_TRUE(events("links.refused").empty());
}

TEST_F(RefusalsTest, OfManyTheNumbersAreTold) {
  clock_.advance(Milliseconds(5'000));
  for (int second = 1; second <= 3; ++second) {
    for (int i = 0; i < 1'000; ++i) refusals_.refused("192.0.2.1:99", why_);
    for (int i = 0; i < 500; ++i) refusals_.dropped("192.0.2.7");
    clock_.advance(Milliseconds(1'000));
    refusals_.pass_time();
  }
  EXPECT_EQ(events("link.refused").size(), 3u * limits::kRefusalsToldMax);
  const auto many = events("links.refused");
  ASSERT_EQ(many.size(), 3u);
  EXPECT_EQ(many[2]["refused"], 1'000 - limits::kRefusalsToldMax);
  EXPECT_EQ(many[2]["dropped"], 500);
  EXPECT_EQ(many[2]["last"], "192.0.2.7");
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/telemetry/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EventLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "tributary-log-").string() + std::string(6, 'X');
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ::unsetenv("JOURNAL_STREAM");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::unique_ptr<EventLog> open(EventLogOptions options) {
    auto log = EventLog::open(std::move(options), clock_);
    EXPECT_TRUE(log) << (log ? "" : log.error().message);
    return std::move(log).value();
  }
  static std::vector<std::string> lines(const std::string& file) {
    std::ifstream in(file);
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
  static std::vector<std::string> names(const std::string& file) {
    std::vector<std::string> out;
    for (const std::string& line : lines(file)) out.push_back(nlohmann::json::parse(line)["event"]);
    return out;
  }

  ManualClock clock_;
  std::filesystem::path folder_;
};

TEST_F(EventLogTest, WritesJsonLinesAndText) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto log = open({.file = path("log.jsonl"), .text_fd = ends[1]});
  log->record("job.started", {{"job", "heart-1"}, {"name", "heart"}, {"rounds", 3}});
  const auto written = lines(path("log.jsonl"));
  ASSERT_EQ(written.size(), 1u) << "flushed at once";
  const auto parsed = nlohmann::json::parse(written[0]);
  EXPECT_EQ(parsed["ts"], format_utc(clock_.wall_ms()));
  EXPECT_EQ(parsed["level"], "info");
  EXPECT_EQ(parsed["event"], "job.started");
  EXPECT_EQ(parsed["rounds"], 3);
  char text[512];
  const ssize_t got = ::read(ends[0], text, sizeof text);
  ASSERT_GT(got, 0);
  EXPECT_EQ(std::string(text, static_cast<std::size_t>(got)),
            format_utc(clock_.wall_ms()) + " INFO  job.started job=heart-1 name=heart rounds=3\n");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(EventLogTest, JsonOnStderrWhenAsked) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto log = open({.json_on_stderr = true, .text_fd = ends[1]});
  log->record("job.failed", {{"job", "a"}, {"detail", "b\nc"}});
  char text[512];
  const ssize_t got = ::read(ends[0], text, sizeof text);
  ASSERT_GT(got, 0);
  EXPECT_EQ(nlohmann::json::parse(std::string(text, static_cast<std::size_t>(got)))["detail"],
            "b\nc");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(EventLogTest, LevelFiltersOutputsButNotSubscribers) {
  auto log = open({.level = EventLevel::kWarn, .file = path("log"), .text_fd = -1});
  std::vector<std::string> seen;
  const auto id = log->subscribe([&](const LoggedEvent& event, const std::string& json) {
    seen.push_back(event.name);
    EXPECT_EQ(nlohmann::json::parse(json)["event"], event.name);
  });
  log->record("task.progress", {});
  log->record("job.started", {});
  log->record("round.retried", {});
  EXPECT_THAT(seen, ElementsAre("task.progress", "job.started", "round.retried"));
  EXPECT_THAT(names(path("log")), ElementsAre("round.retried"));
  log->unsubscribe(id);
  log->record("job.failed", {});
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_THAT(names(path("log")), ElementsAre("round.retried", "job.failed"));
}

TEST_F(EventLogTest, AnUnknownReportIsNotLost) {
  auto log = open({.file = path("log"), .text_fd = -1});
  log->relay("job.finished", {{"job", "a"}});
  log->relay("no.such.event\n", {{"job", "a"}});
  const auto written = lines(path("log"));
  ASSERT_EQ(written.size(), 2u);
  EXPECT_EQ(nlohmann::json::parse(written[0])["level"], "info");
  EXPECT_EQ(nlohmann::json::parse(written[1])["level"], "warn");
}

TEST_F(EventLogTest, AppendsAndReopensAfterRotation) {
  { open({.file = path("log"), .text_fd = -1})->record("job.started", {}); }
  auto log = open({.file = path("log"), .text_fd = -1});
  log->record("round.started", {});
  std::filesystem::rename(path("log"), path("log.1"));
  log->record("round.committed", {});
  ASSERT_TRUE(log->reopen());
  log->record("job.finished", {});
  EXPECT_THAT(names(path("log.1")), ElementsAre("job.started", "round.started", "round.committed"));
  EXPECT_THAT(names(path("log")), ElementsAre("job.finished"));
}

TEST_F(EventLogTest, FailedReopenKeepsTheOldFile) {
  std::filesystem::create_directory(path("sub"));
  auto log = open({.file = path("sub/log"), .text_fd = -1});
  std::filesystem::rename(path("sub"), path("moved"));
  const Status status = log->reopen();
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr(path("sub/log")));
  log->record("job.started", {});
  EXPECT_THAT(names(path("moved/log")), ElementsAre("job.started"));
}

TEST_F(EventLogTest, AFileThatCannotBeOpenedIsNamed) {
  const auto log = EventLog::open({.file = path("none/log"), .text_fd = -1}, clock_);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(log.error().message, HasSubstr(path("none/log")));
}

// A file size limit stands in for a full disk: write(2) comes short, then fails, then works again.
TEST_F(EventLogTest, AFullDiskCostsLinesAndTellsHowMany) {
  ::signal(SIGXFSZ, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto log = open({.file = path("log"), .text_fd = ends[1]});
  log->record("job.started", {{"job", "first"}});
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit small = before;
  small.rlim_cur = std::filesystem::file_size(path("log")) + 20;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  log->record("job.started", {{"job", "torn"}});
  log->record("job.started", {{"job", "lost"}});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  log->record("job.started", {{"job", "last"}});

  const auto written = lines(path("log"));
  ASSERT_EQ(written.size(), 4u);
  EXPECT_THAT(written[0], HasSubstr("first"));
  EXPECT_EQ(written[1].size(), 20u) << "the torn line stands alone";
  EXPECT_EQ(nlohmann::json::parse(written[2])["job"], "last");
  EXPECT_EQ(nlohmann::json::parse(written[3])["event"], "log.lost");
  EXPECT_EQ(nlohmann::json::parse(written[3])["lines"], 2);
  char text[4096];
  const ssize_t got = ::read(ends[0], text, sizeof text);
  ASSERT_GT(got, 0);
  const std::string told(text, static_cast<std::size_t>(got));
  EXPECT_THAT(told, HasSubstr("log.lost lines=1"));
  EXPECT_THAT(told, HasSubstr("File too large"));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(EventLogTest, TheLevelCanChange) {
  auto log = open({.level = EventLevel::kError, .file = path("log"), .text_fd = -1});
  log->record("client.stopping", {});
  log->set_level(EventLevel::kInfo);
  log->record("client.stopping", {});
  log->record("client.connecting", {});
  EXPECT_EQ(lines(path("log")).size(), 1u);
}

TEST_F(EventLogTest, LinesOfManyThreadsStayWhole) {
  constexpr int kThreads = 4;
  constexpr int kEach = 250;
  auto log = open({.file = path("log"), .text_fd = -1});
  std::atomic<int> seen = 0;
  log->subscribe([&](const LoggedEvent&, const std::string&) { ++seen; });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&log, t] {
      for (int i = 0; i < kEach; ++i) {
        log->record("client.outcome", {{"site", "s" + std::to_string(t)}, {"round", i}});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<std::string, int> next;
  for (const std::string& line : lines(path("log"))) {
    const auto parsed = nlohmann::json::parse(line);
    EXPECT_EQ(parsed["round"], next[parsed["site"]]++) << "each thread's lines in its order";
  }
  EXPECT_EQ(next.size(), 4u);
  EXPECT_EQ(seen, kThreads * kEach);
}

}  // namespace
}  // namespace tributary

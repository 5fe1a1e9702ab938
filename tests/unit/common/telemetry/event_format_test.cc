// SPDX-License-Identifier: Apache-2.0
#include "common/telemetry/event_format.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "common/base/text.h"

namespace tributary {
namespace {

constexpr std::int64_t kWall = 1'795'515'302'114;  // 2026-11-24T10:15:02.114Z, by date -u

LoggedEvent event_with(EventFields fields) {
  return {kWall, EventLevel::kInfo, "round.committed", std::move(fields)};
}
std::string text_of(EventFields fields) { return format_text(event_with(std::move(fields)), {}); }

constexpr const char* kHead = "2026-11-24T10:15:02.114Z INFO  round.committed";

TEST(EventText, OneLineInTheOrderOfTheFields) {
  EXPECT_EQ(text_of({{"job", "heart-1f2e"}, {"norm", 1.84}, {"bytes", 50541363}, {"late", false}}),
            std::string(kHead) + " job=heart-1f2e norm=1.84 bytes=50541363 late=false");
}

TEST(EventText, RoundAndRoundsAreOneFigure) {
  EXPECT_EQ(text_of({{"round", 3}, {"rounds", 20}, {"attempt", 1}}),
            std::string(kHead) + " round=3/20 attempt=1");
  EXPECT_EQ(text_of({{"round", 3}, {"job", "a"}, {"rounds", 3}}),
            std::string(kHead) + " round=3/3 job=a");
  EXPECT_EQ(text_of({{"site", "a"}, {"sites", 3}}), std::string(kHead) + " site=a sites=3");
  EXPECT_EQ(text_of({{"rounds", 7}}), std::string(kHead) + " rounds=7");
}

TEST(EventText, ValuesThatAreNotPlainWordsAreQuoted) {
  EXPECT_EQ(text_of({{"a", ""}}), std::string(kHead) + R"( a="")");
  EXPECT_EQ(text_of({{"a", "two words"}}), std::string(kHead) + R"( a="two words")");
  EXPECT_EQ(text_of({{"a", "x=1"}}), std::string(kHead) + R"( a="x=1")");
  EXPECT_EQ(text_of({{"a", R"(say "hi")"}}), std::string(kHead) + R"( a="say \"hi\"")");
  EXPECT_EQ(text_of({{"a", R"(back\slash)"}}), std::string(kHead) + R"( a="back\\slash")");
  EXPECT_EQ(text_of({{"a", "Zürich"}}), std::string(kHead) + " a=Zürich");
}

TEST(EventText, NoValueForgesALineOrAField) {
  const std::string forged =
      "x\n2026-11-24T10:15:02.114Z INFO  job.finished job=evil"
      "\r\x1b[2K\xc2\x85\xe2\x80\xa8";
  const std::string line = text_of({{"site", forged}});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line.find('\r'), std::string::npos);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_THAT(line, ::testing::HasSubstr(R"(site="x\n2026)"));
}

TEST(EventText, LongValuesAreCutWithTheirSize) {
  const std::string line = text_of({{"detail", std::string(1 << 20, 'x')}});
  EXPECT_LT(line.size(), limits::kLogValueBytesMax + 200);
  EXPECT_THAT(line, ::testing::HasSubstr("1048576 bytes"));
}

TEST(EventText, StyleChangesTheDressNotTheWords) {
  const LoggedEvent event{kWall, EventLevel::kError, "job.failed", {{"job", "a"}}};
  EXPECT_EQ(format_text(event, {.timestamp = false, .priority = true}),
            "<3>ERROR job.failed job=a");
  std::string coloured = format_text(event, {.colour = true, .timestamp = false});
  EXPECT_THAT(coloured, ::testing::HasSubstr("\x1b[31mERROR\x1b[0m"));
  for (std::size_t at; (at = coloured.find('\x1b')) != std::string::npos;) {
    coloured.erase(at, coloured.find('m', at) - at + 1);
  }
  EXPECT_EQ(coloured, "ERROR job.failed job=a");
}

TEST(EventJson, IsOneObjectInOrder) {
  EXPECT_EQ(format_json(event_with(
                {{"job", "h"}, {"round", 3}, {"rounds", 20}, {"norm", 1.5}, {"late", true}})),
            R"({"ts":"2026-11-24T10:15:02.114Z","level":"info","event":"round.committed",)"
            R"("job":"h","round":3,"rounds":20,"norm":1.5,"late":true})");
}

TEST(EventJson, SurvivesWhatIsNotJson) {
  const auto parsed = nlohmann::json::parse(
      format_json(event_with({{"bad", "a\xff\xfe\nb"},
                              {"nan", std::nan("")},
                              {"inf", std::numeric_limits<double>::infinity()},
                              {"name", "Zürich\u202e"}})));
  EXPECT_EQ(parsed["bad"], "a\ufffd\ufffd\nb");
  EXPECT_TRUE(parsed["nan"].is_null());
  EXPECT_TRUE(parsed["inf"].is_null());
  EXPECT_EQ(parsed["name"], "Zürich\u202e");
}

TEST(EventLines, AnyBytesGiveOneLineOfText) {
  SeededRandom random(7);
  for (int turn = 0; turn < 3000; ++turn) {
    std::string value;
    for (std::uint64_t i = random.uniform_below(24); i > 0; --i) {
      value += static_cast<char>(random.uniform_below(256));
    }
    const LoggedEvent event = event_with({{"a", value}, {"b", "end"}});
    for (const std::string& line : {format_text(event, {}), format_json(event)}) {
      ASSERT_TRUE(is_utf8(line)) << turn;
      for (const char c : line) ASSERT_GE(static_cast<unsigned char>(c), 0x20) << turn;
    }
    ASSERT_TRUE(format_text(event, {}).ends_with(" b=end"));
    ASSERT_EQ(nlohmann::json::parse(format_json(event))["b"], "end");
  }
}

class Environment : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"NO_COLOR", "JOURNAL_STREAM"}) ::unsetenv(name);
    ::setenv("TERM", "xterm", 1);
    terminal_ = ::posix_openpt(O_RDWR | O_NOCTTY);
  }
  void TearDown() override {
    ::close(terminal_);
    for (const char* name : {"NO_COLOR", "JOURNAL_STREAM"}) ::unsetenv(name);
  }
  int terminal_ = -1;
};

TEST_F(Environment, ColourIsForTerminalsOnly) {
  if (terminal_ < 0 || ::isatty(terminal_) != 1)
    GTEST_SKIP() << "no pseudo terminal on this machine";
  EXPECT_TRUE(detect_text_style(terminal_).colour);
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(detect_text_style(terminal_).colour);
  ::setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(detect_text_style(terminal_).colour) << "the convention: empty counts as not set";
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(detect_text_style(terminal_).colour);
}

TEST_F(Environment, TheJournalGetsPrioritiesAndNoTimestamp) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  struct stat status {};
  ASSERT_EQ(::fstat(ends[1], &status), 0);
  EXPECT_EQ(detect_text_style(ends[1]), (TextStyle{}));
  const std::string ours = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  ::setenv("JOURNAL_STREAM", ours.c_str(), 1);
  EXPECT_EQ(detect_text_style(ends[1]), (TextStyle{.timestamp = false, .priority = true}));
  ::setenv("JOURNAL_STREAM", "8:1", 1);  // of a parent: ours was redirected
  EXPECT_EQ(detect_text_style(ends[1]), (TextStyle{}));
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace tributary

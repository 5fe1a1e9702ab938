// SPDX-License-Identifier: Apache-2.0
#include "common/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tributary {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class CommandLineTest : public testing::Test {
 protected:
  CommandLineTest() {
    prepare_command_line(app_);
    app_.require_subcommand(1);
    app_.add_option("--config", config_, "A file");
    CLI::App* jobs = app_.add_subcommand("job", "Jobs");
    jobs->require_subcommand(1);
    jobs->add_subcommand("list", "All");
    CLI::App* show = jobs->add_subcommand("show", "One");
    show->add_option("JOB", job_, "The job's id")->required();
    show->add_flag("--json", json_, "For programs");
  }
  // What is said of a line that must be refused.
  std::string refusal(std::vector<const char*> words) {
    words.insert(words.begin(), "/somewhere/program");
    testing::internal::CaptureStderr();
    const auto status = parse_command_line(app_, static_cast<int>(words.size()), words.data());
    EXPECT_EQ(status, 2);
    return testing::internal::GetCapturedStderr();
  }

  CLI::App app_{"A program", "program"};
  std::string config_, job_;
  bool json_ = false;
};

TEST_F(CommandLineTest, AWrongWordIsNamedWithTheNearestKnownOne) {
  EXPECT_EQ(refusal({"jobs", "list"}), "program: no command 'jobs' (did you mean 'job'?)\n");
  EXPECT_EQ(refusal({"job", "lst"}), "program job: no command 'lst' (did you mean 'list'?)\n");
  EXPECT_EQ(refusal({"job", "zzz"}), "program job: no command 'zzz'; known here: list, show\n");
  EXPECT_THAT(refusal({"job"}), HasSubstr("program job: a command is missing; known here: list"));
  EXPECT_THAT(refusal({"job", "show", "--jason", "x"}), HasSubstr("did you mean '--json'?"));
  EXPECT_THAT(refusal({"--confg", "x", "job", "list"}), HasSubstr("did you mean '--config'?"));
  EXPECT_EQ(refusal({"job", "show"}), "program job show: JOB is required\n");
  EXPECT_EQ(refusal({"job", "list", "more"}), "program job list: 'more' is too much\n");
  EXPECT_THAT(refusal({"north.yaml"}), HasSubstr("did you mean --config north.yaml?"));
}

TEST_F(CommandLineTest, OptionsOfTheProgramMayStandBehindTheCommand) {
  for (const auto& words : std::vector<std::vector<const char*>>{
           {"program", "--config", "a.yaml", "job", "show", "x"},
           {"program", "job", "show", "x", "--config", "a.yaml"}}) {
    config_.clear();
    EXPECT_EQ(parse_command_line(app_, static_cast<int>(words.size()), words.data()), std::nullopt);
    EXPECT_EQ(config_, "a.yaml");
    EXPECT_EQ(job_, "x");
  }
}

TEST_F(CommandLineTest, HelpNamesTheExitStatuses) {
  EXPECT_THAT(app_.help(), HasSubstr("2 wrong usage"));
  EXPECT_THAT(app_.get_subcommand("job")->help(), HasSubstr("2 wrong usage"));
}

TEST(EscapedLines, NothingMovesTheCursorAndTwiceIsAsOnce) {
  const std::string once = escaped_lines("a\n\x1b[2J b\\c \xc2\x9b\n");
  EXPECT_EQ(once, "a\n\\x1b[2J b\\c \\u{009b}\n");
  EXPECT_EQ(escaped_lines(once), once);
  EXPECT_EQ(escaped_lines(""), "");
}

}  // namespace
}  // namespace tributary

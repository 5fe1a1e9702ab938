// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/watch_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace tributary {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class WatchScreenTest : public testing::Test {
 protected:
  static JobDetail detail() {
    JobDetail detail;
    detail.summary.job = JobId{"readmission-1"};
    detail.summary.rounds = 4;
    return detail;
  }
  void tell(const char* event, const char* json) {
    screen_.apply(event, nlohmann::json::parse(json));
  }
  std::vector<std::string> lines(std::size_t height = 40) { return screen_.lines(100, height); }

  WatchScreen screen_{detail()};
};

TEST_F(WatchScreenTest, ShowsRoundsSitesAndHowFarTheJobIs) {
  tell("round.started", R"({"round": 1, "rounds": 4, "task": "train", "attempt": 1})");
  tell("client.selected", R"({"round": 1, "task": "train", "site": "north"})");
  tell("client.selected", R"({"round": 1, "task": "train", "site": "south"})");
  tell("task.progress",
       R"({"round": 1, "task": "train", "site": "south", "done": 30, "total": 120})");
  tell("client.outcome",
       R"({"round": 1, "task": "train", "site": "north", "reason": "accepted", "bytes": 2048,
           "seconds": 1.5, "examples": 160, "loss": 0.25})");
  EXPECT_THAT(lines(), Contains(AllOf(HasSubstr("0/4 rounds"), HasSubstr("round 1: train"))));
  EXPECT_THAT(lines(), Contains(AllOf(HasSubstr("south"), HasSubstr("train 25 %"))));
  EXPECT_THAT(lines(),
              Contains(AllOf(HasSubstr("north"), HasSubstr("accepted"), HasSubstr("160"),
                             HasSubstr("0.2500"), HasSubstr("2.0 KiB"), HasSubstr("1.5 s"))));
  tell("client.outcome",
       R"({"round": 1, "task": "train", "site": "south", "reason": "disconnected"})");
  tell("round.committed", R"({"round": 1, "accepted": 1, "selected": 2, "seconds": 3})");
  tell("site.evaluated", R"({"round": 1, "site": "north", "accuracy": 0.75, "auc": null})");
  tell("evaluation.finished", R"({"round": 1, "loss": 0.5, "accuracy": 0.8, "auc": 0.9})");
  EXPECT_THAT(lines(), Contains(AllOf(HasSubstr("[#########"), HasSubstr("1/4 rounds"))));
  EXPECT_THAT(lines(), Contains(AllOf(HasSubstr("1/2"), HasSubstr("0.5000"), HasSubstr("0.8000"),
                                      HasSubstr("0.9000"), HasSubstr("3.0 s"))));
  EXPECT_THAT(lines(), Contains(AllOf(HasSubstr("south"), HasSubstr("disconnected"))));
  EXPECT_THAT(lines(), Contains(AllOf(HasSubstr("north"), HasSubstr("0.7500"))));
}

TEST_F(WatchScreenTest, ShowsTheFiguresOfTasksWithoutClasses) {
  tell("evaluation.finished", R"({"round": 1, "loss": 4.0, "accuracy": 0.8})");
  EXPECT_THAT(lines(), Each(Not(HasSubstr("R2"))));
  tell("evaluation.finished", R"({"round": 2, "loss": 4.0, "rmse": 2.0, "r2": 0.625})");
  EXPECT_THAT(lines(), Contains(AllOf(HasSubstr("RMSE"), HasSubstr("R2"))));
  EXPECT_THAT(lines(), Contains(AllOf(HasSubstr("2.0000"), HasSubstr("0.6250"))));
}

TEST_F(WatchScreenTest, TellsWhatRoundsCostOfPrivacyWhereTheyDo) {
  tell("round.committed", R"({"round": 1, "accepted": 2, "selected": 2, "seconds": 3})");
  EXPECT_THAT(lines(), Each(Not(HasSubstr("EPSILON"))));
  tell("round.committed",
       R"({"round": 2, "accepted": 2, "selected": 2, "seconds": 3, "epsilon": 1.25})");
  EXPECT_THAT(lines(), Contains(HasSubstr("EPSILON")));
  EXPECT_THAT(lines(), Contains(AllOf(HasSubstr("2/2"), HasSubstr("1.2500"))));
}

TEST_F(WatchScreenTest, FitsTheTerminalAndShowsThoseThatWorkFirst) {
  for (int i = 0; i < 100; ++i) {
    const std::string site = "site-" + std::to_string(1000 + i);
    tell("client.outcome",
         (R"({"task": "train", "reason": "accepted", "site": ")" + site + R"("})").c_str());
  }
  tell("client.selected", R"({"task": "train", "site": "zulu"})");
  const auto shown = lines(20);
  EXPECT_LE(shown.size(), 20u);
  EXPECT_THAT(shown, Contains(HasSubstr("zulu")));
  EXPECT_THAT(shown, Contains(HasSubstr("sites more")));
  EXPECT_THAT(screen_.lines(30, 20), Each(SizeIs(testing::Le(30u))));
  EXPECT_THAT(screen_.lines(30, 3), SizeIs(3));
}

TEST_F(WatchScreenTest, TakesUpARunningJobAndUnknownOrBrokenEvents) {
  JobDetail old = detail();
  old.summary.round = 2;
  RoundRow trained, evaluated;
  trained.round = evaluated.round = 2;
  trained.task = "train";
  trained.outcome = "committed";
  evaluated.task = "evaluate";
  evaluated.accuracy = 0.625;
  old.rounds = {trained, evaluated};
  screen_ = WatchScreen(old);
  tell("something.new", R"({"site": 7, "round": "x"})");
  tell("task.progress", R"({"site": "north", "done": 3, "total": 0})");
  tell("job.waiting", R"({"have": 1, "need": 3})");
  EXPECT_THAT(lines(), Contains(AllOf(HasSubstr("2/4"), HasSubstr("waiting for sites: 1 of 3"))));
  EXPECT_THAT(lines(), Contains(HasSubstr("0.6250")));
  tell("job.waiting", R"({"have": 3, "need": 3, "by": "root", "missing": "lab", "unfit": ""})");
  EXPECT_THAT(lines(), Contains(HasSubstr("waiting for the root: lab")));
}

TEST_F(WatchScreenTest, WhatCameFromOutsideMovesNoCursor) {
  const std::string erase = "\x1b[2J";
  JobDetail hostile = detail();
  hostile.summary.job.value += erase;
  screen_ = WatchScreen(hostile);
  tell("round.started", R"({"round": 1, "task": "\u001b[2J"})");
  tell("client.outcome", R"({"site": "\u001b[2J", "task": "train", "reason": "\u009b1A"})");
  EXPECT_THAT(lines(), Each(Not(AnyOf(HasSubstr("\x1b"), HasSubstr("\xc2\x9b")))));
  EXPECT_THAT(lines(), Contains(HasSubstr("\\x1b[2J")));
  std::ostringstream table;
  print_table(table, {{"SITE", "DETAIL"}, {"north", erase + "\nforged"}});
  EXPECT_EQ(table.str(), "SITE   DETAIL\nnorth  \\x1b[2J\\nforged\n");
}

}  // namespace
}  // namespace tributary

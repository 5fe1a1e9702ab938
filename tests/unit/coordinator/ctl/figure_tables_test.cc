// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/figure_tables.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tributary {
namespace {

using Json = nlohmann::json;

RoundRow evaluated(std::vector<ClassCounts> classes, std::vector<std::uint64_t> confusion) {
  RoundRow round;
  round.round = 7;
  round.task = "evaluate";
  round.examples = 100;
  ParticipantRow north;
  north.site = SiteName{"north"};
  north.examples = 60;
  north.loss = 0.5;
  north.accuracy = 0.75;
  north.figures = {{"balanced_accuracy", 0.625}, {"precision", 0.5}};
  ParticipantRow gone;
  gone.site = SiteName{"gone"};
  round.participants = {north, gone};
  round.figures = {{{"loss", 0.25, Interval{0.125, 0.375}, SiteSpread{"north", 0.5, 0.3, 0.2}},
                    {"auc_error", 0.0625}},
                   100,
                   std::move(classes),
                   std::move(confusion)};
  return round;
}

TEST(FigureTables, EachFigureStandsWithItsLimitsAndSites) {
  const RoundRow round = evaluated({}, {});
  const auto rows = figure_rows(round.figures);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1], (TableRow{"loss", "0.2500", "0.1250 to 0.3750", "0.3000", "0.2000", "0.5000",
                               "north"}));
  EXPECT_EQ(rows[2], (TableRow{"auc_error", "0.0625", "-", "-", "-", "-", "-"}));
  const auto sites = site_figure_rows(round);
  ASSERT_EQ(sites.size(), 2u) << "of a site that did not answer there is nothing to show";
  EXPECT_EQ(sites[0], (TableRow{"SITE", "ROWS", "LOSS", "ACCURACY", "BALANCED ACCURACY"}));
  EXPECT_EQ(sites[1], (TableRow{"north", "60", "0.5000", "0.7500", "0.6250"}));
  EXPECT_EQ(class_rows(round.figures, {}).size(), 1u);
  EXPECT_EQ(confusion_rows(round.figures, {}).size(), 1u);
}

// Of a binary job the counts of the positive class say all.
TEST(FigureTables, OfABinaryJobBothClassesAreShown) {
  const RoundRow round = evaluated({{30, 5, 10}}, {});
  const auto classes = class_rows(round.figures, {"healthy", "ill"});
  ASSERT_EQ(classes.size(), 3u);
  EXPECT_EQ(classes[1], (TableRow{"healthy", "60", "0.9167", "0.8193 to 0.9639", "0.8462", "0.8800",
                                  "0.7857"}));
  EXPECT_EQ(classes[2][1], "40");
  const auto confusion = confusion_rows(round.figures, {"healthy", "ill"});
  ASSERT_EQ(confusion.size(), 3u);
  EXPECT_EQ(confusion[1], (TableRow{"healthy", "55", "5"}));
  EXPECT_EQ(confusion[2], (TableRow{"ill", "10", "30"}));
  const Json json = figures_json(round, {"healthy", "ill"});
  EXPECT_EQ(json.at("confusion"), Json::parse("[[55, 5], [10, 30]]"));
  EXPECT_EQ(json.at("figures").at("loss").at("limits_95"), Json::parse("[0.125, 0.375]"));
  EXPECT_EQ(json.at("figures").at("loss").at("sites").at("worst_site"), "north");
  EXPECT_EQ(json.at("sites").at("north").at("figures").at("accuracy"), 0.75);
  EXPECT_EQ(json.at("classes").at(1).at("sensitivity"), 0.75);
}

TEST(FigureTables, ClassesWithoutNamesAreNumbered) {
  const RoundRow round =
      evaluated({{50, 2, 3}, {40, 3, 2}, {5, 0, 0}}, {50, 3, 0, 2, 40, 0, 0, 0, 5});
  const auto confusion = confusion_rows(round.figures, {});
  ASSERT_EQ(confusion.size(), 4u);
  EXPECT_EQ(confusion[0], (TableRow{"IS \\ TAKEN FOR", "0", "1", "2"}));
  EXPECT_EQ(confusion[2], (TableRow{"1", "2", "40", "0"}));
  EXPECT_EQ(class_rows(round.figures, {})[3][0], "2");
  EXPECT_EQ(confusion_rows(evaluated({{50, 2, 3}, {40, 3, 2}}, {}).figures, {}).size(), 1u)
      << "too many classes, or no site told it";
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/state_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;

JobRecord record() {
  JobRecord record;
  record.id = JobId{"heart-1"};
  record.name = "heart";
  record.token = "t";
  record.document = std::string("name: heart\n\0binary", 19);
  record.state = JobState::kTraining;
  record.plan = {{{"age", {54.123456789012345, 1e-300}}}, {{"sex", {"f", "m"}}}};
  record.rows = {{SiteName{"north"}, {100, 20}}};
  record.round = 3;
  record.delta.base.bytes[3] = std::byte{5};
  record.delta.blob = {Digest{}, 9};
  record.open_round = 4;
  record.cohort = {SiteName{"north"}};
  record.best = EvaluationFigures{10, 0.1, 0.9, {}, 0.5, {{"ece", 0.1 + 0.2}}};
  record.best_value = 0.1 + 0.2;
  record.gained_value = 0.25;
  record.without_gain = 3;
  record.shortfalls[SiteName{"slow"}] = 2;
  record.late[SiteName{"slow"}] = {3, 2, {Digest{}, 7}};
  record.history[SiteName{"north"}] = {5, 4, {1'000, 2'500}, 6};
  record.changes.paused = true;
  record.changes.priority = -4;
  record.dry_run = true;
  record.spent = SitesSpent{0.1 + 0.2, 0.7, 1e-3};
  return record;
}

FigureTable figures() {
  return {{{"loss", 0.1 + 0.2, Interval{0.1, 0.7}, SiteSpread{"north", 0.3, 0.2, 0.1}},
           {"ece", 0.25}},
          20,
          {{5, 1, 2}, {9, 2, 1}},
          {5, 2, 1, 9}};
}

AcceptedUpdate accepted(const std::string& site) {
  AcceptedUpdate update;
  update.key = {JobId{"heart-1"}, 4, 1, TaskKind::kTrain};
  update.site = SiteName{site};
  update.result.examples = 100;
  update.norm = 0.1 + 0.2;
  update.into = 6;
  update.share = 46'341;
  return update;
}

TEST(StateStore, EverythingIsThereAfterAReopen) {
  TemporaryDirectory directory;
  {
    auto store = *StateStore::open(directory / "state.sqlite");
    RoundRow row{4,
                 1,
                 "train",
                 "committed",
                 1.5,
                 100,
                 0.25,
                 {},
                 0.5,
                 {},
                 0.75,
                 {},
                 SiteSpread{"north", 0.1 + 0.2, 0.5, 0.25},
                 {{SiteName{"north"}, "train", "accepted", "", 9, 100, 1.0, 0.5, 0.1}}};
    row.figures = figures();
    row.participants[0].figures = {{"ece", 0.125}};
    ASSERT_TRUE(store->apply(
        {SaveJob{record()}, SaveAccepted{accepted("north")}, SaveRound{JobId{"heart-1"}, row}}));
    ASSERT_TRUE(store->save_site({SiteName{"north"}, true, "", 77, "[::1]:1", "0.1", {"heart"}}));
  }
  auto store = *StateStore::open(directory / "state.sqlite");
  const auto jobs = *store->jobs();
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].document, record().document);
  EXPECT_EQ(jobs[0].plan, record().plan) << "every bit of the numbers";
  EXPECT_EQ(jobs[0].rows, record().rows);
  EXPECT_EQ(jobs[0].state, JobState::kTraining);
  EXPECT_EQ(jobs[0].open_round, 4u);
  EXPECT_EQ(jobs[0].best->auc, std::nullopt);
  EXPECT_EQ(jobs[0].best_value, record().best_value);
  EXPECT_EQ(jobs[0].gained_value, record().gained_value);
  EXPECT_EQ(jobs[0].without_gain, 3u);
  EXPECT_EQ(jobs[0].late, record().late);
  EXPECT_EQ(jobs[0].delta, record().delta);
  EXPECT_EQ(jobs[0].shortfalls, record().shortfalls);
  EXPECT_EQ(jobs[0].history, record().history);
  EXPECT_EQ(jobs[0].changes, record().changes);
  EXPECT_TRUE(jobs[0].dry_run);
  EXPECT_EQ(jobs[0].spent, record().spent);
  EXPECT_EQ(jobs[0].best->accuracy, 0.9);
  ASSERT_EQ(store->accepted(JobId{"heart-1"})->size(), 1u);
  const AcceptedUpdate update = (*store->accepted(JobId{"heart-1"}))[0];
  EXPECT_EQ(update.norm, 0.1 + 0.2);
  EXPECT_EQ(update.into, 6u);
  EXPECT_EQ(update.share, 46'341u);
  EXPECT_EQ((*store->rounds(JobId{"heart-1"}))[0].spread,
            (SiteSpread{"north", 0.1 + 0.2, 0.5, 0.25}));
  EXPECT_EQ((*store->rounds(JobId{"heart-1"}))[0].figures, figures());
  EXPECT_EQ((*store->rounds(JobId{"heart-1"}))[0].participants[0].figures.at("ece"), 0.125);
  EXPECT_EQ(jobs[0].best->others, record().best->others);
  EXPECT_EQ((*store->rounds(JobId{"heart-1"}))[0].participants[0].reason, "accepted");
  EXPECT_EQ((*store->sites())[0].last_seen_wall_ms, 77);
}

// One line for a job and a dataset, always the last one, also when nothing else is known of the
// job.
TEST(StateStore, TheLedgerKeepsWhatEachJobHasSpentOfADataset) {
  TemporaryDirectory directory;
  const auto line = [](const char* dataset, const char* job, std::uint32_t rounds) {
    return SiteSpending{dataset, JobId{job}, rounds, 1.1, 1e-5, 0.1 + 0.2 * rounds, 8.0};
  };
  {
    auto store = *StateStore::open(directory / "state.sqlite");
    ASSERT_TRUE(store->apply({SaveSpending{line("heart", "b", 1)}}));
    ASSERT_TRUE(store->apply({SaveSpending{line("heart", "a", 7)}}));
    ASSERT_TRUE(
        store->apply({SaveSpending{line("heart", "b", 2)}, SaveSpending{line("lung", "b", 3)}}));
  }
  auto store = *StateStore::open(directory / "state.sqlite");
  EXPECT_EQ(*store->ledger("heart"),
            (std::vector<SiteSpending>{line("heart", "b", 2), line("heart", "a", 7)}));
  EXPECT_EQ(store->ledger("lung")->size(), 1u);
  EXPECT_TRUE(store->ledger("liver")->empty());
  EXPECT_TRUE(is_durable(SaveSpending{}));
}

TEST(StateStore, AcceptedUpdatesAreForgottenWithTheirRound) {
  auto store = *StateStore::open(":memory:");
  ASSERT_TRUE(store->apply({SaveAccepted{accepted("north")}, SaveAccepted{accepted("south")},
                            SaveAccepted{accepted("north")}}));
  EXPECT_EQ(store->accepted(JobId{"heart-1"})->size(), 2u);
  ASSERT_TRUE(store->apply({ForgetAccepted{JobId{"heart-1"}}}));
  EXPECT_TRUE(store->accepted(JobId{"heart-1"})->empty());
}

TEST(StateStore, AFileThatIsNoDatabaseIsNamed) {
  TemporaryDirectory directory;
  std::ofstream(directory / "state.sqlite") << std::string(5000, 'x');
  const auto store = StateStore::open(directory / "state.sqlite");
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr("state.sqlite"));
  EXPECT_FALSE(StateStore::open(directory / "no/such/folder/state.sqlite"));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// One line of a table for each rule: what keeps to it, what does not, and that the site's log names
// the rule.
#include "client/policy/policy_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace tributary {
namespace {

using testing::HasSubstr;

const SiteName kSite{"lab"};
const Digest kModule = *digest_from_hex(std::string(64, 'a'));

JobSpec usual_job() {
  JobSpec job;
  job.model.name = "mlp";
  job.data.dataset = "patients";
  job.train.epochs = 3;
  job.train.batch_size = 16;
  job.rounds.rounds = 20;
  job.rounds.minimum_sites = 4;
  return job;
}

Status permitted(const SitePolicy& policy, const JobSpec& job, RoundNumber round = 0) {
  return permits(policy, kSite, job, job.model.name == "torchscript" ? kModule : Digest{}, round);
}

struct Rule {
  const char* name;  // as the site's log has it
  std::function<void(SitePolicy&)> fits, denies;
};

const std::vector<Rule> kRules = {
    {"datasets", [](auto& p) { p.datasets = {{"patients"}}; },
     [](auto& p) { p.datasets = {{"heart"}}; }},
    {"model_families", [](auto& p) { p.model_families = {{"mlp"}}; },
     [](auto& p) { p.model_families = std::vector<std::string>{}; }},
    {"losses", [](auto& p) { p.losses = {{"bce"}}; }, [](auto& p) { p.losses = {{"mse"}}; }},
    {"optimizers", [](auto& p) { p.optimizers = {{"sgd"}}; },
     [](auto& p) { p.optimizers = {{"adam"}}; }},
    {"algorithms", [](auto& p) { p.algorithms = {{"fedavg"}}; },
     [](auto& p) { p.algorithms = {{"scaffold"}}; }},
    {"limits.max_rounds", [](auto& p) { p.max_rounds = 20; }, [](auto& p) { p.max_rounds = 19; }},
    {"limits.max_epochs", [](auto& p) { p.max_epochs = 3; }, [](auto& p) { p.max_epochs = 2; }},
    {"limits.min_batch_size", [](auto& p) { p.min_batch_size = 16; },
     [](auto& p) { p.min_batch_size = 17; }},
    {"limits.max_batch_size", [](auto& p) { p.max_batch_size = 16; },
     [](auto& p) { p.max_batch_size = 15; }},
    {"limits.min_sites", [](auto& p) { p.min_sites = 4; }, [](auto& p) { p.min_sites = 5; }},
    {"secure_aggregation", [](auto&) {}, [](auto& p) { p.needs_secure_aggregation = true; }},
    {"differential_privacy", [](auto&) {}, [](auto& p) { p.needs_differential_privacy = true; }},
    // A job that promises nothing spends without end.
    {"privacy.max_epsilon", [](auto& p) { p.max_delta = 1e-9; },
     [](auto& p) { p.max_epsilon = 3; }},
    {"privacy.max_epsilon_total", [](auto& p) { p.min_noise_multiplier = 2; },
     [](auto& p) { p.max_epsilon_total = 3; }},
};

const std::vector<Rule> kRulesOfPrivateJobs = {
    {"privacy.max_epsilon", [](auto& p) { p.max_epsilon = 3; },
     [](auto& p) { p.max_epsilon = 2.9; }},
    {"privacy.max_delta", [](auto& p) { p.max_delta = 1e-5; },
     [](auto& p) { p.max_delta = 0.9e-5; }},
    {"privacy.min_noise_multiplier", [](auto& p) { p.min_noise_multiplier = 1.1; },
     [](auto& p) { p.min_noise_multiplier = 1.2; }},
};

TEST(PolicyCheck, APrivateJobIsHeldToWhatItsOwnWordsPromise) {
  JobSpec job = usual_job();
  job.privacy.records = {.clip = 1, .noise_multiplier = 1.1, .delta = 1e-5, .max_epsilon = 3};
  EXPECT_TRUE(permitted({.needs_differential_privacy = true, .max_epsilon_total = 0.1}, job))
      << "what the dataset has spent already is the ledger's to know";
  for (const Rule& rule : kRulesOfPrivateJobs) {
    SitePolicy fits, denies;
    rule.fits(fits);
    rule.denies(denies);
    EXPECT_TRUE(permitted(fits, job)) << rule.name;
    const Status denied = permitted(denies, job);
    ASSERT_FALSE(denied) << rule.name;
    EXPECT_THAT(denied.error().message, HasSubstr("policy." + std::string(rule.name) + " is "));
  }
}

TEST(PolicyCheck, EachRuleDeniesWhatItIsAgainst) {
  for (const Rule& rule : kRules) {
    SitePolicy fits, denies;
    rule.fits(fits);
    rule.denies(denies);
    EXPECT_TRUE(permitted(fits, usual_job())) << rule.name;
    const Status denied = permitted(denies, usual_job());
    ASSERT_FALSE(denied) << rule.name;
    EXPECT_EQ(denied.error().code, ErrorCode::kPermissionDenied);
    EXPECT_THAT(denied.error().message, HasSubstr("policy." + std::string(rule.name)));
  }
}

TEST(PolicyCheck, CodeOfOthersRunsOnlyByItsDigest) {
  JobSpec job = usual_job();
  job.model.name = "torchscript";
  EXPECT_FALSE(permitted({}, job)) << "no rule at all lets none run";
  EXPECT_FALSE(permitted({.model_families = {{"torchscript"}}}, job));
  EXPECT_FALSE(permitted({.torchscript = {Digest{}}}, job));
  EXPECT_TRUE(permitted({.torchscript = {kModule}}, job));
  EXPECT_FALSE(permitted({.model_families = {{"mlp"}}, .torchscript = {kModule}}, job));
}

TEST(PolicyCheck, RoundsBeyondTheJobFileCountToo) {
  EXPECT_TRUE(permitted({.max_rounds = 20}, usual_job(), 20));
  EXPECT_FALSE(permitted({.max_rounds = 20}, usual_job(), 21)) << "an operator asked for more";
}

TEST(PolicyCheck, StepsCountAsPassesOverTheRows) {
  JobSpec job = usual_job();
  job.train.steps = 100;
  EXPECT_TRUE(permitted({.max_epochs = 1}, job)) << "not known before the rows are";
  EXPECT_TRUE(permits_rows({.max_epochs = 4}, job, 400)) << "25 batches a pass";
  EXPECT_FALSE(permits_rows({.max_epochs = 3}, job, 400));
}

TEST(PolicyCheck, AllRowsAtOnceAreABatchOfSoMany) {
  JobSpec job = usual_job();
  job.train.batch_size = 0;
  EXPECT_TRUE(permits_rows({.max_batch_size = 400}, job, 400));
  EXPECT_FALSE(permits_rows({.max_batch_size = 399}, job, 400));
  EXPECT_FALSE(permits_rows({.min_batch_size = 8}, usual_job(), 7)) << "no batch has more";
  EXPECT_TRUE(permits_rows({.min_batch_size = 8}, usual_job(), 0)) << "nothing is trained";
}

TEST(PolicyCheck, TooFewRecordsAreNotTrainedOn) {
  EXPECT_TRUE(permits_rows({.min_records = 200}, usual_job(), 200));
  EXPECT_FALSE(permits_rows({.min_records = 200}, usual_job(), 199));
}

TEST(PolicyCheck, LayersThatMustStayAreHeldAgainstTheJobsOwn) {
  const Layout layout{{{"embedding.users", {10, 2}}, {"head.weight", {2, 2}}}};
  const SitePolicy policy{.max_parameters = 24, .local_tensors = {"embedding.*"}};
  EXPECT_TRUE(permits_model(policy, layout, [](const auto& name) { return name[0] == 'e'; }));
  const Status leaves = permits_model(policy, layout, [](const auto&) { return false; });
  ASSERT_FALSE(leaves);
  EXPECT_THAT(leaves.error().message, HasSubstr("embedding.users"));
  EXPECT_FALSE(permits_model({.max_parameters = 23}, layout, [](const auto&) { return true; }));
}

TEST(PolicyCheck, WhoSubmitsAndWhoOffersIsNamed) {
  EXPECT_TRUE(permits_submitter({}, "alice"));
  EXPECT_TRUE(permits_submitter({.submitters = {{"alice"}}}, "alice"));
  EXPECT_FALSE(permits_submitter({.submitters = {{"alice"}}}, "mallory"));
  const SitePolicy pinned{.coordinators = {{{"hub", std::nullopt}, {"spare", kModule}}}};
  EXPECT_TRUE(permits_coordinator({}, "any", "00"));
  EXPECT_TRUE(permits_coordinator(pinned, "hub", "00"));
  EXPECT_TRUE(permits_coordinator(pinned, "spare", kModule.hex()));
  EXPECT_FALSE(permits_coordinator(pinned, "spare", "00"));
  EXPECT_FALSE(permits_coordinator(pinned, "other", kModule.hex()));
}

TEST(PolicyCheck, AnUploadHasItsLimit) {
  EXPECT_TRUE(permits_upload({.max_upload_bytes = 100}, 100));
  EXPECT_FALSE(permits_upload({.max_upload_bytes = 100}, 101));
}

TEST(PolicyCheck, HoursMayGoOverMidnight) {
  const SitePolicy night{.hours = {{20 * 60, 6 * 60}}}, noon{.hours = {{12 * 60, 13 * 60}}};
  EXPECT_TRUE(open_at({}, 0));
  for (const auto& [minute, at_night] : std::map<int, bool>{
           {0, true}, {6 * 60 - 1, true}, {6 * 60, false}, {20 * 60 - 1, false}, {20 * 60, true}})
    EXPECT_EQ(open_at(night, minute), at_night) << minute;
  EXPECT_TRUE(open_at(noon, 12 * 60));
  EXPECT_FALSE(open_at(noon, 13 * 60));
}

TEST(PolicyCheck, TheSmallestCohortIsWhatTheJobPromises) {
  RoundPolicy rounds;
  rounds.minimum_sites = 4;
  EXPECT_EQ(least_sites_of(rounds), 4);
  rounds.target = 3;
  EXPECT_EQ(least_sites_of(rounds), 3);
  rounds.quorum = 2;
  EXPECT_EQ(least_sites_of(rounds), 2);
  rounds.quorum = rounds.target = 0;
  rounds.mode = RoundMode::kAsync;
  EXPECT_EQ(least_sites_of(rounds), 1);
}

TEST(PolicyCheck, TheFirstRateWhoseHoursItIsCounts) {
  SitePolicy policy;
  EXPECT_EQ(upload_rate_at(policy, 0), std::nullopt) << "no limit";
  policy.bandwidth = {{{{8 * 60, 18 * 60}}, 2}, {{{22 * 60, 6 * 60}, {12 * 60, 13 * 60}}, 3}};
  EXPECT_EQ(upload_rate_at(policy, 8 * 60), 2);
  EXPECT_EQ(upload_rate_at(policy, 12 * 60), 2) << "the first";
  EXPECT_EQ(upload_rate_at(policy, 18 * 60), std::nullopt);
  EXPECT_EQ(upload_rate_at(policy, 60), 3);
  policy.bandwidth.push_back({{}, 4});
  EXPECT_EQ(upload_rate_at(policy, 18 * 60), 4);
}

TEST(PolicyCheck, ASiteIsARootOnlyWhereItsOwnerSaysSo) {
  JobSpec job = usual_job();
  job.aggregation.rule = {"fltrust", {{"root", std::string("lab")}}};
  EXPECT_FALSE(permitted({}, job));
  EXPECT_TRUE(permitted({.trains_as_root = true}, job));
  EXPECT_TRUE(permits({}, SiteName{"north"}, job, {}, 0)) << "it is another one's matter";
}

}  // namespace
}  // namespace tributary

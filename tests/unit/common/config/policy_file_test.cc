// SPDX-License-Identifier: Apache-2.0
#include "common/config/policy_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<SitePolicy> parse(const std::string& more) {
  return parse_site_policy("approval: automatic\n" + more, "policy.yaml");
}

TEST(PolicyFile, OnlyTheApprovalIsRequired) {
  const auto policy = parse("");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(*policy, SitePolicy{});
  EXPECT_TRUE(policy->require_signature);
  EXPECT_EQ(parse_site_policy("approval: manual\n", "policy.yaml")->approval, Approval::kManual);
}

TEST(PolicyFile, AnEmptyOrCutFileIsNoPolicy) {
  for (const std::string text : {"", "\n", "# nothing\n", "submitters: [alice]\n", "approval:\n",
                                 "approval: automatic\nsubmitters: [alice"}) {
    EXPECT_FALSE(parse_site_policy(text, "policy.yaml")) << text;
  }
}

TEST(PolicyFile, AnUnknownKeyOrNameIsAFaultWithTheNearestOne) {
  const auto key = parse("model_familys: [mlp]\n");
  ASSERT_FALSE(key) << "a misspelt rule must not be no rule";
  EXPECT_THAT(key.error().message, HasSubstr("policy.yaml:2"));
  EXPECT_THAT(key.error().message, HasSubstr("did you mean 'model_families'"));
  EXPECT_FALSE(parse("limits: {max_epoch: 5}\n"));
  for (const std::string rule : {"model_families: [mpl]", "optimizers: [sdg]", "losses: [hinge]",
                                 "algorithms: [fedavgg]", "metrics: {allow: [los]}"}) {
    EXPECT_FALSE(parse(rule + "\n")) << rule;
  }
}

TEST(PolicyFile, APatternOfTensorsThatCouldNameNoneIsAFault) {
  EXPECT_EQ(parse_site_policy("approval: manual\nlocal_tensors: [\"bn*\", \"head.?\"]\n", "p")
                ->local_tensors.size(),
            2u);
  for (const char* pattern : {"[", "", "a\\\\b"}) {
    EXPECT_FALSE(parse_site_policy(
        "approval: manual\nlocal_tensors: [\"" + std::string(pattern) + "\"]\n", "p"))
        << pattern;
  }
}

TEST(PolicyFile, AnEmptyListLetsNothingRun) {
  EXPECT_TRUE(parse("model_families: []\n")->model_families->empty());
  EXPECT_EQ(parse("")->model_families, std::nullopt);
}

TEST(PolicyFile, MemoryOfModulesIsASizeAndOtherwiseWhatIsFree) {
  EXPECT_EQ(parse("limits: {max_memory: 2GiB}\n")->max_memory_bytes, 2ll << 30);
  EXPECT_EQ(parse("")->max_memory_bytes, 0);
  EXPECT_FALSE(parse("limits: {max_memory: 0}\n"));
  EXPECT_FALSE(parse("limits: {max_memory: all}\n"));
}

TEST(PolicyFile, NamesTheRolesWhoseSignaturesCount) {
  EXPECT_THAT(parse("")->submitter_roles,
              testing::UnorderedElementsAre("operator", "root-admin", "org-admin", "lead"));
  EXPECT_THAT(parse("submitter_roles: [lead]\n")->submitter_roles, ElementsAre("lead"));
  EXPECT_TRUE(parse("submitter_roles: []\n")->submitter_roles.empty());
  EXPECT_THAT(parse("submitter_roles: [laed]\n").error().message, HasSubstr("did you mean 'lead'"));
  EXPECT_FALSE(parse("submitter_roles: [site]\n")) << "sites sign no jobs";
}

TEST(PolicyFile, ReadsHours) {
  EXPECT_THAT(parse("hours: [\"20:00-06:30\", \"12:00-24:00\"]\n")->hours,
              ElementsAre(DayTime{20 * 60, 6 * 60 + 30}, DayTime{12 * 60, 24 * 60}));
  for (const std::string wrong : {"20-06", "8:00-9:00", "20:00", "20:00-06:60", "25:00-06:00",
                                  "20:00 06:00", "06:00-06:00", "-1:00-06:00"}) {
    const auto policy = parse("hours: [\"" + wrong + "\"]\n");
    ASSERT_FALSE(policy) << wrong;
    EXPECT_THAT(policy.error().message, HasSubstr("20:00-06:00"));
  }
}

TEST(PolicyFile, ReadsRatesWithTheirHours) {
  const auto policy =
      parse("bandwidth:\n  - {hours: [\"08:00-18:00\"], upload: 2MiB/s}\n  - {upload: 512KiB/s}\n");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_THAT(policy->bandwidth,
              ElementsAre(UploadRate{{{8 * 60, 18 * 60}}, 2 << 20}, UploadRate{{}, 512 << 10}));
  for (const std::string wrong :
       {"[]", "2MiB/s", "[2MiB/s]", "[{}]", "[{upload: 2MiB}]", "[{upload: 2MB/s}]",
        "[{upload: /s}]", "[{upload: s}]", "[{upload: 1B/s}]", "[{upload: 2TiB/s}]",
        "[{uplaod: 2MiB/s}]", "[{hours: [\"8-18\"], upload: 2MiB/s}]",
        "[{upload: 2MiB/s}, {upload: 1MiB/s}]"}) {
    EXPECT_FALSE(parse("bandwidth: " + wrong + "\n")) << wrong;
  }
  EXPECT_THAT(parse("bandwidth: [{upload: 2MB/s}]\n").error().message, HasSubstr("2MiB/s"));
}

TEST(PolicyFile, ReadsDigestsOfModulesAndCoordinators) {
  const std::string digest(64, 'a');
  const auto policy = parse("torchscript: [" + digest + "]\ncoordinators: [hub, {name: spare, " +
                            "certificate_sha256: " + digest + "}]\n");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->torchscript.front().hex(), digest);
  ASSERT_EQ(policy->coordinators->size(), 2u);
  EXPECT_EQ(policy->coordinators->front(), (TrustedCoordinator{"hub", std::nullopt}));
  EXPECT_EQ(policy->coordinators->back().certificate->hex(), digest);
  EXPECT_FALSE(parse("torchscript: [abc]\n"));
  EXPECT_FALSE(parse("coordinators: [{name: hub, certificate_sha256: abc}]\n"));
}

}  // namespace
}  // namespace tributary

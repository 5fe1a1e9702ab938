// SPDX-License-Identifier: Apache-2.0
#include "common/trust/job_signing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "common/crypto/pki.h"

namespace tributary {
namespace {

class JobSigning : public testing::Test {
 protected:
  JobSigning() {
    task_.key.job = JobId{"heart-1f2e"};
    task_.document = "name: heart\n";
    task_.model_file.digest = *digest_from_hex(std::string(64, 'a'));
    task_.signature = signed_by("alice", "operator");
  }
  JobSignature signed_by(const std::string& name, const std::string& role) {
    const PemPair pair = *issue_certificate(ca_, {name, role, {}, KeyKind::kEd25519, 50});
    const Signer signer = *Signer::make(pair.certificate, pair.key);
    return *sign_job(signer, manifest_of(task_), 1000);
  }
  Result<PeerIdentity> verify(const Task& task) {
    return verify_job(ca_.certificate, manifest_of(task), task.signature, std::time(nullptr),
                      roles_);
  }

  PemPair ca_ = *make_ca("test", KeyKind::kEd25519, 100);
  std::vector<std::string> roles_ = {"operator", "lead"};
  Task task_;
};

TEST_F(JobSigning, ASiteSeesWhoSubmittedIt) {
  const auto who = verify(task_);
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->name, "alice");
}

TEST_F(JobSigning, NothingOfItCanBeChangedOnItsWay) {
  const std::vector<std::function<void(Task&)>> changes = {
      [](Task& task) { task.document += "seed: 2\n"; },
      [](Task& task) { task.key.job.value = "heart-2a2a"; },
      [](Task& task) { task.model_file.digest.bytes[3] ^= std::byte{1}; },
      [](Task& task) { task.model_file = {}; },
      [](Task& task) { task.dry_run = true; },
      [](Task& task) { ++task.signature.signed_wall_ms; },
      [](Task& task) { task.signature.bytes.back() ^= std::byte{1}; },
      [](Task& task) { task.signature = {}; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Task changed = task_;
    changes[i](changed);
    const auto refused = verify(changed);
    ASSERT_FALSE(refused) << i;
    EXPECT_EQ(refused.error().code, ErrorCode::kUnauthenticated) << i;
  }
}

TEST_F(JobSigning, WhatMayChangeFromRoundToRoundIsNotInIt) {
  task_.key.round = 7;
  task_.key.attempt = 2;
  task_.deadline_ms = 5;
  task_.counted = 6;
  EXPECT_TRUE(verify(task_));
}

TEST_F(JobSigning, OnlyOperatorsSubmit) {
  for (const std::string role : {"site", "evaluator", "coordinator"}) {
    task_.signature = signed_by("hub", role);
    const auto refused = verify(task_);
    ASSERT_FALSE(refused) << role;
    EXPECT_THAT(refused.error().message, testing::HasSubstr("'hub', whose role is " + role));
  }
}

TEST_F(JobSigning, OnlyOperatorsOfTheNamedRolesSubmit) {
  task_.signature = signed_by("ada", "analyst");
  EXPECT_THAT(verify(task_).error().message,
              testing::HasSubstr("'ada', whose role is analyst, which may not submit jobs; these "
                                 "may: operator, lead"));
  roles_.push_back("analyst");
  EXPECT_TRUE(verify(task_));
  roles_ = {"site"};
  task_.signature = signed_by("north", "site");
  EXPECT_FALSE(verify(task_)) << "a site is no operator, whatever stands there";
}

TEST_F(JobSigning, TheIdFollowsFromNameTokenAndDocument) {
  const JobId id = job_id_of("heart", "t", "name: heart\n");
  EXPECT_EQ(id, job_id_of("heart", "t", "name: heart\n"));
  EXPECT_NE(id, job_id_of("heart", "u", "name: heart\n"));
  EXPECT_NE(id, job_id_of("heart", "t", "name: heart\nseed: 2\n"));
  EXPECT_TRUE(id.value.starts_with("heart-")) << id.value;
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/audit/tree_head.h"

#include <gtest/gtest.h>

#include "tests/unit/common/audit/audit_files.h"

namespace tributary {
namespace {

TEST(TreeHeads, SayWhoSignedThemAndNothingElseHolds) {
  const AuditFiles files;
  const TreeHead head{7, merkle_leaf(as_bytes("x")), files.now_ms};
  SignedHead one = *sign_head(files.coordinator, head);
  const auto who = verify_head(files.ca.certificate, one);
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->name, "c1");
  EXPECT_EQ(who->role, PeerRole::kCoordinator);
  for (const TreeHead& other :
       {TreeHead{8, head.root, head.at_ms}, TreeHead{7, merkle_leaf(as_bytes("y")), head.at_ms},
        TreeHead{7, head.root, head.at_ms + 1}}) {
    one.head = other;
    EXPECT_FALSE(verify_head(files.ca.certificate, one));
  }
}

TEST(TreeHeads, ACountersignatureIsNoHeadAndSaysWhen) {
  const AuditFiles files;
  const Signer site = files.signer("north", "site");
  const TreeHead head{7, merkle_leaf(as_bytes("x")), files.now_ms};
  Countersignature one = *countersign(site, head, files.now_ms + 5);
  const auto who = verify_countersignature(files.ca.certificate, one);
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->name, "north");
  EXPECT_FALSE(verify_head(files.ca.certificate, {head, one.signature}));
  one.at_ms += 1;
  EXPECT_FALSE(verify_countersignature(files.ca.certificate, one));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/pki.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

TEST(Pki, ACertificateSaysHowLongItIsValidStill) {
  const auto ca = *make_ca("test", KeyKind::kP256, 10);
  EXPECT_GE(*days_left(ca.certificate), 9);
  EXPECT_LE(*days_left(ca.certificate), 10);
  const auto old = *issue_certificate(ca, {"north", "site", {}, KeyKind::kP256, -5});
  EXPECT_LT(*days_left(old.certificate), 0);
  EXPECT_FALSE(days_left("no certificate"));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/cli/named_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(NamedFile, WhatTheUserNamedWronglyIsWrongUsage) {
  const TemporaryDirectory directory;
  const auto missing = read_named(directory / "none", 10);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(missing.error().message, HasSubstr(directory / "none"));
  EXPECT_EQ(read_named(directory.path(), 1 << 20).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(write_named(directory / "file", as_bytes("0123456789")));
  EXPECT_EQ(as_text(*read_named(directory / "file", 10)), "0123456789");
  EXPECT_EQ(read_named(directory / "file", 9).error().code, ErrorCode::kInvalidArgument);
  for (const char* name : {"none/file", "file/x", ""}) {
    const auto written = write_named(directory / name, as_bytes("x"));
    ASSERT_FALSE(written) << name;
    EXPECT_EQ(written.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(written.error().message, HasSubstr("write " + (directory / name)));
    EXPECT_THAT(written.error().message, Not(HasSubstr(".new")));
  }
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/storage/directory_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

TEST(DirectoryLock, OneAtATimeAndTheHolderIsNamed) {
  TemporaryDirectory directory;
  auto first = DirectoryLock::acquire(directory / "");
  ASSERT_TRUE(first.has_value());
  const auto second = DirectoryLock::acquire(directory / "");
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(second.error().message, testing::HasSubstr(std::to_string(::getpid())));
  ::unlink((directory / "lock").c_str());
  EXPECT_FALSE(DirectoryLock::acquire(directory / "").has_value()) << "it is no stale file";
  first->reset();
  EXPECT_TRUE(DirectoryLock::acquire(directory / "").has_value());
}

TEST(DirectoryLock, NamesADirectoryThatIsNotThere) {
  const auto lock = DirectoryLock::acquire("/no/such/directory");
  ASSERT_FALSE(lock.has_value());
  EXPECT_THAT(lock.error().message, testing::HasSubstr("/no/such/directory/lock"));
}

}  // namespace
}  // namespace tributary

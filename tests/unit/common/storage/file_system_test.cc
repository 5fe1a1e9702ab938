// SPDX-License-Identifier: Apache-2.0
#include "common/storage/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Bytes bytes_of(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

TEST(FileSystem, WritesWholeFilesAndLeavesNoTemporary) {
  TemporaryDirectory directory;
  auto files = make_file_system();
  ASSERT_TRUE(files->write_durably(directory / "a", as_bytes("one")));
  ASSERT_TRUE(files->write_durably(directory / "a", as_bytes("two")));
  EXPECT_EQ(*files->read(directory / "a", 10), bytes_of("two"));
  EXPECT_THAT(*files->list(directory.path()), ElementsAre("a"));
}

TEST(FileSystem, AppendsAfterCuttingToTheKnownSize) {
  TemporaryDirectory directory;
  auto files = make_file_system();
  ASSERT_TRUE(files->write_durably(directory / "a", as_bytes("12345")));
  auto file = files->open_append(directory / "a", 3);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->append(as_bytes("xy")));
  ASSERT_TRUE((*file)->sync());
  EXPECT_EQ(*files->read(directory / "a", 10), bytes_of("123xy"));
  EXPECT_EQ(files->open_append(directory / "a", 99).error().code, ErrorCode::kDataLoss);
}

TEST(FileSystem, APipeInThePlaceOfAFileIsNotWaitedFor) {
  const TemporaryDirectory directory;
  const std::string pipe = directory / "policy.yaml";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto files = make_file_system();
  const auto read = files->read(pipe, 100);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, pipe + " is no regular file");
  EXPECT_FALSE(files->open(pipe));
}

TEST(FileSystem, ErrorsNameThePathAndTheReason) {
  TemporaryDirectory directory;
  auto files = make_file_system();
  const auto missing = files->read(directory / "none", 10);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr(directory / "none"));
  ASSERT_TRUE(files->write_durably(directory / "a", as_bytes("12345")));
  EXPECT_EQ(files->read(directory / "a", 4).error().code, ErrorCode::kResourceExhausted);
  EXPECT_FALSE(files->write_durably(directory / "no/such/folder", as_bytes("x")));
  EXPECT_TRUE(files->remove(directory / "none"));
}

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/storage/secret_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

TEST(SecretFile, IsForItsUserAloneWhateverOthersAreFor) {
  const TemporaryDirectory directory;
  const auto files = make_file_system();
  const mode_t before = ::umask(0);
  ASSERT_TRUE(write_secret(*files, directory / "key", "secret"));
  ASSERT_TRUE(files->write_durably(directory / "list", as_bytes("public")));
  ::umask(before);
  struct stat key {
  }, list{};
  ASSERT_EQ(::stat((directory / "key").c_str(), &key), 0);
  ASSERT_EQ(::stat((directory / "list").c_str(), &list), 0);
  EXPECT_EQ(key.st_mode & 0777u, 0600u);
  EXPECT_NE(list.st_mode & 0077u, 0u) << "what is no secret is as before";
}

// Also where an earlier life stopped half-way, and whatever the file was before; from any thread.
TEST(SecretFile, APrivateFileOfAFileSystemIsToo) {
  const TemporaryDirectory directory;
  const auto files = make_file_system();
  const std::string path = directory / "key";
  const mode_t before = ::umask(0);
  ASSERT_TRUE(files->write_durably(path, as_bytes("public")));
  ASSERT_TRUE(files->write_durably(path + ".new", as_bytes("torn")));
  ASSERT_TRUE(files->write_private(path, as_bytes("secret")));
  ::umask(before);
  struct stat key {};
  ASSERT_EQ(::stat(path.c_str(), &key), 0);
  EXPECT_EQ(key.st_mode & 0777u, 0600u);
  EXPECT_EQ(as_text(*files->read(path, 100)), "secret");
  EXPECT_FALSE(files->exists(path + ".new"));
}

}  // namespace
}  // namespace tributary

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

}  // namespace
}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/storage/tar_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/random_source.h"

namespace tributary {
namespace {

using testing::HasSubstr;

const TarFiles kFiles = {
    {"ca.pem", "a root\n"}, {"client.yaml", std::string(5000, 'x')}, {"e", ""}};

TEST(TarFile, WhatIsPackedIsUnpacked) {
  const auto packed = pack_tar(kFiles);
  ASSERT_TRUE(packed);
  EXPECT_EQ(packed->size() % 512, 0u);
  const auto unpacked = unpack_tar(*packed);
  ASSERT_TRUE(unpacked) << unpacked.error().message;
  EXPECT_EQ(*unpacked, kFiles);
}

TEST(TarFile, NothingLeavesTheFolder) {
  for (const char* name : {"../evil", "/etc/passwd", "a/b", ""}) {
    const auto packed = pack_tar({{name, "text"}});
    EXPECT_FALSE(packed && unpack_tar(*packed)) << name;
  }
}

TEST(TarFile, WhatIsTooMuchOrNoTarIsRefused) {
  EXPECT_FALSE(pack_tar({{"large", std::string(3u << 20, 'x')}}));
  TarFiles many;
  for (int i = 0; i < 17; ++i) many[std::to_string(i)] = "x";
  const auto packed = pack_tar(many);
  ASSERT_TRUE(packed);
  EXPECT_THAT(unpack_tar(*packed).error().message, HasSubstr("a few plain files"));
  EXPECT_FALSE(unpack_tar("this is no tar at all"));
}

TEST(TarFile, NoDamageCrashes) {
  SeededRandom random(3);
  const std::string good = *pack_tar(kFiles);
  for (int i = 0; i < 2000; ++i) {
    std::string bad = good;
    bad[random.uniform_below(bad.size())] = static_cast<char>(random.uniform_below(256));
    bad.resize(bad.size() - random.uniform_below(bad.size()));
    static_cast<void>(unpack_tar(bad).has_value());
  }
}

}  // namespace
}  // namespace tributary

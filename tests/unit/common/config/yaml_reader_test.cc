// SPDX-License-Identifier: Apache-2.0
#include "common/config/yaml_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/random_source.h"

namespace tributary {
namespace {

using testing::HasSubstr;

TEST(YamlReader, TellsFaultsInTheOrderOfTheFileWithTheirPlace) {
  auto document = YamlDocument::parse("b: x\na: {c: 1, d: 2}\n", "f.yaml");
  ASSERT_TRUE(document);
  Section root = (*document)->root();
  Section a = root.section("a", Section::Need::kRequired);
  EXPECT_EQ(a.integer("c", {}), 1);
  root.integer("b", {});
  const Status status = (*document)->finish();
  ASSERT_FALSE(status);
  const std::string& said = status.error().message;
  EXPECT_LT(said.find("f.yaml:1"), said.find("f.yaml:2"));
  EXPECT_THAT(said, HasSubstr("unknown key 'd'"));
}

TEST(YamlReader, QuotedTextIsNoNumberAndDuplicateKeysAreFaults) {
  auto document = YamlDocument::parse("a: \"5\"\nb: 1\nb: 2\n", "f.yaml");
  ASSERT_TRUE(document);
  Section root = (*document)->root();
  root.integer("a", {});
  root.integer("b", {});
  const Status status = (*document)->finish();
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("f.yaml:1"));
  EXPECT_THAT(status.error().message, HasSubstr("f.yaml:3"));
}

TEST(YamlReader, ATabInTheIndentationIsNamed) {
  for (const char* text : {"a:\n\tb: 1\n", "a:\n  b: 1\n\tc: 2\n", "a:\n \tb: 1\n"}) {
    const auto document = YamlDocument::parse(text, "f.yaml");
    ASSERT_FALSE(document) << text;
    EXPECT_THAT(document.error().message, HasSubstr("indented with a tab")) << text;
  }
  const auto document = YamlDocument::parse("a: [1\n", "f.yaml");
  EXPECT_THAT(document.error().message, testing::Not(HasSubstr("tab")));
}

TEST(YamlReader, BoundsDepthAndSize) {
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "[";
  EXPECT_FALSE(YamlDocument::parse(deep, "f.yaml"));
  EXPECT_FALSE(YamlDocument::parse("a: &x [1]\nb: *x\n", "f.yaml")) << "no anchors";
  EXPECT_FALSE(YamlDocument::parse(std::string(2u << 20, 'a'), "f.yaml"));
}

TEST(YamlReader, NoMutationCrashes) {
  const std::string good = "a: {b: [1, 2, 'x']}\nc: |\n  text\nd: \"q\\n\"\n";
  SeededRandom random(3);
  for (int i = 0; i < 5'000; ++i) {
    std::string text = good;
    for (int k = 0; k < 3; ++k)
      text[random.uniform_below(text.size())] = static_cast<char>(random.uniform_below(256));
    if (auto document = YamlDocument::parse(text, "f.yaml")) {
      (*document)->root().text("a", "");
      static_cast<void>((*document)->finish().has_value());
    }
  }
}

}  // namespace
}  // namespace tributary

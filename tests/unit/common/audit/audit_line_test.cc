// SPDX-License-Identifier: Apache-2.0
#include "common/audit/audit_line.h"

#include <gtest/gtest.h>

#include "common/audit/merkle.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

TEST(AuditLines, AreReadAsTheyWereWritten) {
  const Digest hash = leaf_of(3, R"({"event":"a"})");
  const TreeHead head{4, hash, 1'700'000'000'123};
  const std::string id = certificates_id("PEM\nof two lines\n");
  const Bytes signature{std::byte{0}, std::byte{0xff}, std::byte{0x10}};
  const std::vector<AuditLine> lines{
      RecordLine{hash, 3, R"({"event":"a"})"}, CertificatesLine{id, "PEM\nof two lines\n"},
      HeadLine{head, id, signature}, CountersignatureLine{head, 5, id, signature}};
  for (const AuditLine& line : lines) {
    const std::string text = text_of(line);
    ASSERT_EQ(text.find('\n'), text.size() - 1) << text;
    const auto read = parse_audit_line(text.substr(0, text.size() - 1));
    ASSERT_TRUE(read) << text << read.error().message;
    EXPECT_EQ(text_of(*read), text);
  }
}

TEST(AuditLines, OthersAreRefused) {
  const std::string hash = leaf_of(3, "{}").hex();
  for (const std::string& text : std::vector<std::string>{
           std::string(), std::string("record"), "record " + hash, "record " + hash + " x {}",
           "record 00 3 {}", std::string("head {}"), std::string("head {"), std::string("head []"),
           "head {\"size\":-1,\"root\":\"" + hash +
               "\",\"at_ms\":1,\"signer\":\"\",\"signature\":\"zz\"}",
           "head {\"at_ms\":1" + std::string(40, '0') + ",\"root\":\"" + hash +
               "\",\"signature\":\"07\",\"signer\":\"\",\"size\":1}",
           std::string("certificates 00 \"PEM\""), std::string("note hello")}) {
    const auto line = parse_audit_line(text);
    ASSERT_FALSE(line) << text;
    EXPECT_EQ(line.error().code, ErrorCode::kDataLoss) << text;
  }
}

TEST(AuditLines, AreFoundWhereverTheyBegin) {
  const TemporaryDirectory directory;
  FullDisk disk;
  const std::string path = directory / "lines";
  const std::string longest(200'000, 'x');
  ASSERT_TRUE(disk.write_durably(path, as_bytes("one\n\n" + longest + "\ncut")));
  std::vector<std::pair<std::uint64_t, std::string>> found;
  const auto file = *disk.open(path);
  const Status read = read_lines(*file, [&](std::uint64_t byte, std::string_view line, bool whole) {
    EXPECT_EQ(whole, line != "cut");
    found.emplace_back(byte, line);
    return Status{};
  });
  ASSERT_TRUE(read);
  const std::vector<std::pair<std::uint64_t, std::string>> expected{
      {0, "one"}, {4, ""}, {5, longest}, {200'006, "cut"}};
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace tributary

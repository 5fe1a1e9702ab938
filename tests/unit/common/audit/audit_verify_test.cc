// SPDX-License-Identifier: Apache-2.0
#include "common/audit/audit_verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/common/audit/audit_files.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class AuditVerifyTest : public testing::Test {
 protected:
  AuditVerifyTest() {
    const auto log = files_.open();
    files_.fill(*log, 6);
    const Signer site = files_.signer("north", "site");
    TRIB_ASSERT(log->keep(*countersign(site, log->newest_head()->head, files_.now_ms)).has_value(),
                "keep");
    files_.fill(*log, 4);
    kept_ = log->newest_head();
    std::string text = files_.text();
    while (!text.empty()) {
      lines_.push_back(text.substr(0, text.find('\n') + 1));
      text.erase(0, lines_.back().size());
    }
  }

  AuditSummary verify(const std::string& text) {
    files_.write(text);
    return *verify_audit(**files_.disk.open(files_.path), files_.ca.certificate);
  }
  std::string joined() const {
    std::string text;
    for (const std::string& line : lines_) text += line;
    return text;
  }
  std::size_t line_of(const std::string& what) const {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].find(what) != std::string::npos) return i;
    }
    return lines_.size();
  }

  AuditFiles files_;
  std::vector<std::string> lines_;
  std::optional<SignedHead> kept_;
};

TEST_F(AuditVerifyTest, AnUntouchedLogIsFine) {
  lines_.pop_back();
  const AuditSummary summary = verify(joined());
  EXPECT_THAT(summary.faults, ElementsAre());
  EXPECT_EQ(summary.records, 9u);
  EXPECT_EQ(summary.heads, 3u);
  EXPECT_EQ(summary.signed_records, 9u);
  EXPECT_EQ(summary.signer, "c1");
  EXPECT_EQ(summary.countersigned, (std::map<std::string, std::uint64_t>{{"north", 6}}));
}

// Whoever writes the file can make hashes, and cannot make heads.
TEST_F(AuditVerifyTest, WhatNobodySignedIsNamed) {
  EXPECT_THAT(verify(joined()).faults,
              ElementsAre(HasSubstr("record 9 is under no head: nobody has signed it")));
  lines_.resize(line_of("number 8"));
  EXPECT_THAT(verify(joined()).faults,
              ElementsAre(HasSubstr("one of the records 6 to 7 is under no head")));
  std::erase_if(lines_, [](const std::string& line) { return !line.starts_with("rec"); });
  EXPECT_THAT(verify(joined()).faults, ElementsAre(HasSubstr("0 to 7 is under no head")));
  EXPECT_THAT(verify("").faults, ElementsAre(HasSubstr("an empty file proves nothing")));
}

// The last record is under no head; its hash tells all the same.
TEST_F(AuditVerifyTest, EachFlippedBitIsFoundWhereverItIs) {
  const std::string text = joined();
  for (std::size_t byte = 0; byte < text.size(); byte += 11) {
    std::string changed = text;
    changed[byte] = static_cast<char>(changed[byte] ^ (1 << (byte % 8)));
    const AuditSummary summary = verify(changed);
    EXPECT_FALSE(summary.faults.empty()) << "byte " << byte;
  }
}

TEST_F(AuditVerifyTest, AChangedRecordIsNamed) {
  const std::size_t line = line_of("number 4");
  const std::string before = joined().substr(0, joined().find(lines_[line]));
  lines_[line].replace(lines_[line].find("number 4"), 8, "number 5");
  EXPECT_THAT(verify(joined()).faults,
              ElementsAre("byte " + std::to_string(before.size()) +
                          ": record 4 was changed: it does not have its hash"));
}

TEST_F(AuditVerifyTest, ARecordThatWasChangedWithItsHashIsFoundByTheHead) {
  const std::string json = "{\"event\":\"another\"}";
  lines_[line_of("number 4")] = text_of(RecordLine{leaf_of(4, json), 4, json});
  EXPECT_THAT(verify(joined()).faults,
              ElementsAre(HasSubstr("the head over 6 records was signed over others: one of the "
                                    "records 3 to 5 was changed since")));
}

TEST_F(AuditVerifyTest, AMissingRecordIsNamed) {
  lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(line_of("number 4")));
  EXPECT_THAT(verify(joined()).faults,
              ElementsAre(HasSubstr("record 4 is missing before record 5")));
}

TEST_F(AuditVerifyTest, AMissingLastRecordBeforeAHeadIsNamed) {
  lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(line_of("number 8")));
  EXPECT_THAT(verify(joined()).faults,
              ElementsAre(HasSubstr("the head over 9 records: 1 of them are missing before it"),
                          HasSubstr("record 8 is missing before record 9")));
}

TEST_F(AuditVerifyTest, SwappedRecordsAreNamed) {
  std::swap(lines_[line_of("number 3")], lines_[line_of("number 4")]);
  EXPECT_THAT(verify(joined()).faults,
              ElementsAre(HasSubstr("record 3 is missing before record 4"),
                          HasSubstr("record 3 is out of order: it stands behind record 4")));
}

TEST_F(AuditVerifyTest, SwappedRecordsWithNewNumbersAndHashesAreFoundByTheHead) {
  const std::string third = "{\"event\":\"number 3\"}", fourth = "{\"event\":\"number 4\"}";
  lines_[line_of("number 3")] = text_of(RecordLine{leaf_of(3, fourth), 3, fourth});
  lines_[line_of("record " + leaf_of(4, fourth).hex())] =
      text_of(RecordLine{leaf_of(4, third), 4, third});
  EXPECT_THAT(verify(joined()).faults.front(), HasSubstr("one of the records 3 to 5 was changed"));
}

TEST_F(AuditVerifyTest, ACutLineIsNamed) {
  const std::string text = joined();
  EXPECT_THAT(verify(text.substr(0, text.size() - 5)).faults,
              ElementsAre(HasSubstr("the file ends within a line")));
}

TEST_F(AuditVerifyTest, ALogThatWasCutAtALineIsFoundByAHeadThatWasKept) {
  lines_.resize(line_of("number 6"));
  EXPECT_THAT(verify(joined()).faults, ElementsAre());
  const auto file = *files_.disk.open(files_.path);
  EXPECT_THAT(verify_audit(*file, files_.ca.certificate, kept_)->faults,
              ElementsAre(HasSubstr("over 9 records: the log has only 6")));
}

TEST_F(AuditVerifyTest, WhereOnlyTheNewestHeadWasCutTheOneThatWasKeptSaysSo) {
  lines_.resize(line_of("number 8") + 1);
  files_.write(joined());
  const auto log = files_.open();
  const SignedHead kept = *log->sign(files_.signer("c1", "coordinator"), files_.now_ms);
  files_.write(joined());
  const auto file = *files_.disk.open(files_.path);
  EXPECT_THAT(verify_audit(*file, files_.ca.certificate, kept)->faults,
              ElementsAre(HasSubstr("the head over all 9 records is gone")));
}

TEST_F(AuditVerifyTest, ALogThatWasWrittenAnewWithTheSameKeyIsFoundByAHeadThatWasKept) {
  files_.write("");
  const auto log = files_.open();
  const std::vector<std::string> others{"{\"event\":\"other\"}"};
  ASSERT_TRUE(log->append(others));
  files_.fill(*log, 11);
  EXPECT_THAT(verify(files_.text()).faults, ElementsAre());
  const auto file = *files_.disk.open(files_.path);
  EXPECT_THAT(verify_audit(*file, files_.ca.certificate, kept_)->faults,
              ElementsAre(HasSubstr("it was rewritten")));
}

TEST_F(AuditVerifyTest, AHeadOfAStrangerIsNone) {
  const PemPair other = *make_ca("other", KeyKind::kEd25519, 100);
  files_.write(joined());
  const auto file = *files_.disk.open(files_.path);
  const AuditSummary summary = *verify_audit(*file, other.certificate);
  // Three heads of one, each of which counts as wrong, and a countersignature.
  EXPECT_THAT(summary.faults,
              testing::ElementsAre(HasSubstr("not to be trusted"), HasSubstr("not to be trusted")));
  EXPECT_EQ(summary.signed_records, 0u);
}

}  // namespace
}  // namespace tributary

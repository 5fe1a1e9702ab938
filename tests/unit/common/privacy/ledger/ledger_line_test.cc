// SPDX-License-Identifier: Apache-2.0
// Lines of a ledger: what a crash leaves is never less than what was spent, and what was changed is
// found.
#include "common/privacy/ledger/ledger_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tributary {
namespace {

using testing::HasSubstr;

LedgerEntry entry(RoundNumber round, const std::string& job = "heart-1f2e") {
  return {"patients",
          JobId{job},
          round,
          1,
          1'700'000'000'000 + round,
          {DpMechanism::kGaussian, DpSampling::kPoisson, 0.1, 1.1, 10},
          1e-5};
}

// A file of so many entries, and its last line.
struct Written {
  Ledger ledger;
  std::string text, last;

  void add(const LedgerEntry& next) {
    last = ledger_line(next, ledger);
    text += last;
    const auto read = read_ledger(text, last);
    ASSERT_TRUE(read) << read.error().message;
    ledger = read->ledger;
  }
};

TEST(LedgerLine, WhatIsWrittenIsRead) {
  Written written;
  LedgerEntry whole = entry(3);
  whole.event = {DpMechanism::kGaussian, DpSampling::kEverything, 1, 0.7, 1};
  whole.delta = 3.3e-7;
  for (const LedgerEntry& one : {entry(1), entry(2, "other"), whole}) written.add(one);
  EXPECT_THAT(written.ledger.entries, testing::ElementsAre(entry(1), entry(2, "other"), whole));
  EXPECT_THAT(written.text, HasSubstr(R"("sampling":"poisson","rate":0.1)"));
  EXPECT_THAT(written.text, HasSubstr(R"("adjacency":"add_or_remove_one","delta":3.3e-07)"));
  const auto none = read_ledger("", "");
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->ledger.entries.empty());
}

TEST(LedgerLine, AnAppendThatWasCutAtAnyByteIsADebit) {
  Written written;
  for (const RoundNumber round : {1u, 2u, 3u}) written.add(entry(round));
  const std::size_t before = written.text.size() - written.last.size();
  for (std::size_t size = before; size <= written.text.size(); ++size) {
    const auto read = read_ledger(std::string_view(written.text).substr(0, size), written.last);
    ASSERT_TRUE(read) << size << ": " << read.error().message;
    EXPECT_EQ(read->ledger.entries.size(), 3u) << size;
    EXPECT_EQ(read->ledger.last, written.ledger.last);
    const std::string mended = written.text.substr(0, read->whole) + read->lacking;
    EXPECT_EQ(mended, written.text) << size;
  }
}

TEST(LedgerLine, WhatWasCutOffBeforeThatIsFound) {
  Written written;
  for (const RoundNumber round : {1u, 2u, 3u}) written.add(entry(round));
  const std::size_t before = written.text.size() - written.last.size();
  for (std::size_t size = 0; size < before; ++size) {
    const auto read = read_ledger(std::string_view(written.text).substr(0, size), written.last);
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().code, ErrorCode::kDataLoss);
  }
  EXPECT_FALSE(read_ledger(written.text, "")) << "the line beside it was removed";
  EXPECT_FALSE(read_ledger("", written.last)) << "the file was removed";
}

TEST(LedgerLine, EachBitThatIsChangedIsFound) {
  Written written;
  for (const RoundNumber round : {1u, 2u, 3u}) written.add(entry(round));
  for (std::size_t at = 0; at < written.text.size(); ++at) {
    std::string changed = written.text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    const auto read = read_ledger(changed, written.last);
    ASSERT_FALSE(read) << at;
    EXPECT_EQ(read.error().code, ErrorCode::kDataLoss) << at;
  }
}

TEST(LedgerLine, LinesHaveOneOrderAndTheirNumbers) {
  Written written;
  for (const RoundNumber round : {1u, 2u, 3u}) written.add(entry(round));
  const std::size_t first = written.text.find('\n') + 1;
  const std::size_t second = written.text.find('\n', first) + 1;
  const std::string one = written.text.substr(0, first),
                    two = written.text.substr(first, second - first);
  const auto swapped = read_ledger(two + one + written.last, written.last);
  ASSERT_FALSE(swapped);
  EXPECT_THAT(swapped.error().message, HasSubstr("line 1 of the privacy ledger"));
  EXPECT_FALSE(read_ledger(one + written.last, written.last));
  EXPECT_FALSE(read_ledger(written.text + written.last, written.last));
}

}  // namespace
}  // namespace tributary

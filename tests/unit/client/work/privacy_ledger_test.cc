// SPDX-License-Identifier: Apache-2.0
// The files of a ledger: a machine that stops at any byte of a debit has never counted too little,
// and what somebody changed ends all private work, with the file's name.
#include "client/work/privacy_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;

class PrivacyLedgerTest : public testing::Test {
 protected:
  static LedgerEntry entry(RoundNumber round) {
    LedgerEntry made{"patients", JobId{"heart-1f2e"}, round, 1, 0, {}, 1e-5};
    made.event = {DpMechanism::kGaussian, DpSampling::kPoisson, 0.1, 1.1, 10};
    return made;
  }
  std::size_t entries() {
    const auto ledger = ledger_.read();
    EXPECT_TRUE(ledger) << ledger.error().message;
    return ledger ? ledger->entries.size() : 0;
  }
  std::string folder() const { return directory_ / "privacy"; }
  std::string text() const {
    std::ifstream in(folder() + "/ledger.jsonl");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void cut(std::uint64_t bytes) const {
    std::filesystem::resize_file(folder() + "/ledger.jsonl", bytes);
  }

  TemporaryDirectory directory_;
  FullDisk disk_;
  ManualClock clock_;
  PrivacyLedger ledger_{disk_, clock_, directory_ / "privacy"};
};

TEST_F(PrivacyLedgerTest, KeepsWhatIsSpentInOneLineEachAndSynced) {
  EXPECT_EQ(entries(), 0u);
  for (const RoundNumber round : {1u, 2u, 3u}) ASSERT_TRUE(ledger_.debit(entry(round)));
  EXPECT_GE(disk_.syncs, 3);
  EXPECT_EQ(entries(), 3u);
  const std::string lines = text();
  EXPECT_EQ(std::ranges::count(lines, '\n'), 3);
  const auto again = PrivacyLedger(disk_, clock_, folder()).read();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->entries[2].round, 3u);
  EXPECT_EQ(again->entries[2].event, entry(3).event);
}

TEST_F(PrivacyLedgerTest, AnAppendThatEndedAtAnyByteCountsAndIsMadeWhole) {
  for (const RoundNumber round : {1u, 2u}) ASSERT_TRUE(ledger_.debit(entry(round)));
  const std::string whole = text();
  const std::size_t first = whole.find('\n') + 1;
  for (std::size_t size = first; size <= whole.size(); ++size) {
    cut(size);
    EXPECT_EQ(entries(), 2u) << size;
    ASSERT_TRUE(ledger_.debit(entry(3))) << size;
    EXPECT_EQ(entries(), 3u) << size;
    EXPECT_TRUE(text().starts_with(whole)) << size;
    // Back to the two, as they were.
    std::ofstream(folder() + "/ledger.jsonl", std::ios::trunc) << whole;
    std::ofstream(folder() + "/last-entry", std::ios::trunc) << whole.substr(first);
  }
}

// Wherever the machine stops: in the line beside the ledger, at its renaming, in the ledger.
TEST_F(PrivacyLedgerTest, ADebitThatWasPromisedIsNeverLost) {
  ASSERT_TRUE(ledger_.debit(entry(1)));
  std::size_t durable = 1, failed = 0;
  for (std::uint64_t room = 0; room < 1200; room += 7) {
    disk_.room = room;
    const Status debited = ledger_.debit(entry(2));
    disk_.room = std::numeric_limits<std::uint64_t>::max();
    if (debited) ++durable;
    if (!debited) ++failed;
    const std::size_t found = entries();
    EXPECT_GE(found, durable) << room;
    durable = found;  // one that failed may count: then it does for ever
  }
  EXPECT_GT(failed, 20u);
  EXPECT_GT(durable, 20u);
}

TEST_F(PrivacyLedgerTest, WhatWasRemovedOrChangedIsNamedAndNothingIsSpent) {
  for (const RoundNumber round : {1u, 2u, 3u}) ASSERT_TRUE(ledger_.debit(entry(round)));
  const std::string whole = text();
  const auto expect_damaged = [&](const char* what) {
    const auto read = ledger_.read();
    ASSERT_FALSE(read) << what;
    EXPECT_EQ(read.error().code, ErrorCode::kDataLoss) << what;
    EXPECT_THAT(read.error().message, HasSubstr(folder() + "/ledger.jsonl")) << what;
    EXPECT_FALSE(ledger_.debit(entry(4))) << what;
  };
  cut(whole.find('\n') + 1);
  expect_damaged("two lines are cut off");
  std::filesystem::remove(folder() + "/ledger.jsonl");
  expect_damaged("the file is gone");
  std::string changed = whole;
  changed[changed.find("1.1")] = '9';
  std::ofstream(folder() + "/ledger.jsonl", std::ios::trunc) << changed;
  expect_damaged("more noise than there was");
  std::ofstream(folder() + "/ledger.jsonl", std::ios::trunc) << whole;
  EXPECT_EQ(entries(), 3u) << "whoever puts it back goes on";
  std::filesystem::remove(folder() + "/last-entry");
  expect_damaged("the line beside it is gone");
}

}  // namespace
}  // namespace tributary

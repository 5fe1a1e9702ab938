// SPDX-License-Identifier: Apache-2.0
// PrivacyLedger: what jobs have spent of this site's records, for ever, as files of one folder:
// ledger.jsonl, one line a use (common/privacy/ledger), and last-entry, the line that was to be
// written last, which is durable first: what a crash interrupts counts as spent. Whoever removes or
// changes lines stops the private jobs of the site. One thread; others may read beside it. It
// belongs to the site's state and knows no certificate.
#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/privacy/ledger/ledger_line.h"
#include "common/storage/file_system.h"

namespace tributary {

class PrivacyLedger {
 public:
  // Nothing is touched before it is needed. All outlive the ledger.
  PrivacyLedger(FileSystem& files, const Clock& clock, std::string directory)
      : files_(&files), clock_(&clock), directory_(std::move(directory)) {}

  // kDataLoss: it is damaged; the error names the file.
  Result<Ledger> read() const;
  // Of now, and durable when it returns. On failure it may count, or not.
  Status debit(LedgerEntry entry);

  std::string file() const { return directory_ + "/ledger.jsonl"; }

 private:
  struct Files {
    std::string text, intended;
    ReadLedger read;
  };
  std::string intended_file() const { return directory_ + "/last-entry"; }
  Result<std::string> text_of(const std::string& path) const;
  Result<Files> read_files() const;
  Status append(std::uint64_t size, const std::string& line);

  FileSystem* files_;
  const Clock* clock_;
  std::string directory_;
};

}  // namespace tributary

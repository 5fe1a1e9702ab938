// SPDX-License-Identifier: Apache-2.0
#include "client/work/privacy_ledger.h"

namespace tributary {
namespace {

// Of 200,000 rounds.
constexpr std::uint64_t kLedgerBytesMax = 64u << 20;

}  // namespace

Result<std::string> PrivacyLedger::text_of(const std::string& path) const {
  if (!files_->exists(path)) return std::string();
  TRIB_TRY(bytes, files_->read(path, kLedgerBytesMax));
  return std::string(as_text(bytes));
}

Result<PrivacyLedger::Files> PrivacyLedger::read_files() const {
  TRIB_TRY(text, text_of(file()));
  TRIB_TRY(intended, text_of(intended_file()));
  auto read = read_ledger(text, intended);
  if (!read) {
    return std::move(read).error().with_context(
        file() +
        " and last-entry beside it are not as they were written; until somebody has put "
        "them back, no job with privacy.records runs here");
  }
  return Files{std::move(text), std::move(intended), *std::move(read)};
}

Result<Ledger> PrivacyLedger::read() const {
  // The daemon may be between its two writes: then the second look sees both.
  Result<Files> found = read_files();
  if (!found) found = read_files();
  if (!found) return std::move(found).error();
  return std::move(found->read.ledger);
}

Status PrivacyLedger::append(std::uint64_t size, const std::string& line) {
  TRIB_TRY(to, files_->open_append(file(), size));
  TRIB_CHECK_OK(to->append(as_bytes(line)));
  return to->sync();
}

Status PrivacyLedger::debit(LedgerEntry entry) {
  TRIB_CHECK_OK(files_->make_directories(directory_));
  TRIB_TRY(found, read_files());
  const auto& [text, intended, read] = found;
  if (!read.lacking.empty()) TRIB_CHECK_OK(append(read.whole, read.lacking));
  const std::string whole = text.substr(0, read.whole) + read.lacking;
  entry.wall_ms = clock_->wall_ms();
  const std::string line = ledger_line(entry, read.ledger);
  // What could not be read again would end all private work here.
  TRIB_TRY(again, read_ledger(whole + line, line));
  static_cast<void>(again);
  TRIB_CHECK_OK(files_->write_durably(intended_file(), as_bytes(line)));
  return append(whole.size(), line);
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// The lines of a ledger: each is one use of a site's records, as a JSON object with the hash of the
// line before it. Plain values and functions, any thread. They touch no file, and know no budget.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/privacy/accounting/dp_event.h"

namespace tributary {

// Data sets are neighbours of which one has one record more.
inline constexpr Adjacency kRecordAdjacency = Adjacency::kAddOrRemoveOne;

struct LedgerEntry {
  std::string dataset;  // its logical name
  JobId job;
  RoundNumber round = 0;
  AttemptNumber attempt = 1;
  std::int64_t wall_ms = 0;
  DpEvent event;
  double delta = 0;  // of the job
  bool operator==(const LedgerEntry&) const = default;
};

struct Ledger {
  std::vector<LedgerEntry> entries;  // in the order in which they were written
  Digest last;                       // of the last line; none: there is none
};

// With its end of line. `before` is that to which it is added.
std::string ledger_line(const LedgerEntry& entry, const Ledger& before);

// What stands in a ledger's file, with what its end lacks.
struct ReadLedger {
  Ledger ledger;          // with the intended line
  std::size_t whole = 0;  // bytes of `text` to keep ...
  std::string lacking;    // ... and what comes behind them; empty where all is there
};
// `intended` is the line that was to be written last, as it was kept beside the file; empty: none
// was. kDataLoss: the file is not what was written, in so far as line `number` shows.
Result<ReadLedger> read_ledger(std::string_view text, std::string_view intended);

// For people and logs: "gaussian", "poisson", "add_or_remove_one".
std::string_view mechanism_name(DpMechanism mechanism);
std::string_view sampling_name(DpSampling sampling);
std::string_view adjacency_name(Adjacency adjacency);

}  // namespace tributary

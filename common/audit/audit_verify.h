// SPDX-License-Identifier: Apache-2.0
// Checks an audit log's file with nothing but the federation's root: each record against its place
// and hash, each head and countersignature against the records and its signer's certificate. Plain
// functions, any thread. It does not know whether what the records say was true, nor, without a
// head that others keep, whether a log was rewritten as a whole by whoever has its signer's key.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/audit/audit_line.h"

namespace tributary {

struct AuditSummary {
  std::uint64_t records = 0;
  std::uint64_t heads = 0;
  std::uint64_t signed_records = 0;                    // under the newest head that is right
  std::string signer;                                  // of that head
  std::map<std::string, std::uint64_t> countersigned;  // name: records under its newest
  // What is wrong, each with record and byte, in the order of the file; at most kAuditFaultsMax.
  std::vector<std::string> faults;
  std::uint64_t faults_untold = 0;
};

// `kept`: a head that somebody keeps, which the log must have under it. Fails where
// the file cannot be read.
Result<AuditSummary> verify_audit(const ReadFile& file, const Trust& trust,
                                  const std::optional<SignedHead>& kept = {});

}  // namespace tributary

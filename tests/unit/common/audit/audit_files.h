// SPDX-License-Identifier: Apache-2.0
// A federation's keys and an audit log in a folder of its own. One test each.
#pragma once

#include <ctime>
#include <string>
#include <vector>

#include "common/audit/audit_log.h"
#include "common/crypto/pki.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {

struct AuditFiles {
  Signer signer(const std::string& name, const std::string& role) const {
    const PemPair own = *issue_certificate(ca, {name, role, {}, KeyKind::kEd25519, 50});
    return *Signer::make(own.certificate, own.key);
  }
  std::unique_ptr<AuditLog> open(std::optional<std::uint64_t> records = {}) {
    return *AuditLog::open(disk, path, records);
  }
  // `count` records, under a head each three.
  void fill(AuditLog& log, int count) const {
    for (int i = 0; i < count; ++i) {
      const std::vector<std::string> one{R"({"event":"number )" + std::to_string(log.size()) +
                                         "\"}"};
      TRIB_ASSERT(log.append(one).has_value(), "append");
      if (log.size() % 3 == 0) TRIB_ASSERT(log.sign(coordinator, now_ms).has_value(), "sign");
    }
  }
  std::string text() { return std::string(as_text(*disk.read(path, 1u << 24))); }
  void write(const std::string& text) {
    TRIB_ASSERT(disk.write_durably(path, as_bytes(text)).has_value(), "write");
  }

  TemporaryDirectory directory;
  FullDisk disk;
  std::string path = directory / "audit.log";
  std::int64_t now_ms = std::int64_t{std::time(nullptr)} * 1000;
  PemPair ca = *make_ca("test", KeyKind::kEd25519, 100);
  Signer coordinator = signer("c1", "coordinator");
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/audit/audit_line.h"
#include "common/base/assert.h"
#include "tests/fuzz/targets.h"

namespace tributary {

// Line by line; each that is understood has one text.
bool fuzz_audit(ByteView bytes) {
  std::string_view text = as_text(bytes);
  while (!text.empty()) {
    const std::size_t size = std::min(text.find('\n'), text.size());
    const Result<AuditLine> line = parse_audit_line(text.substr(0, size));
    if (!line) return false;
    TRIB_ASSERT(text_of(*line) == std::string(text.substr(0, size)) + "\n", "another line");
    text.remove_prefix(std::min(size + 1, text.size()));
  }
  return true;
}

}  // namespace tributary

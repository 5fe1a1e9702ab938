// SPDX-License-Identifier: Apache-2.0
// FieldReader: checks one field after another of a message from a peer and remembers the first
// fault, so that converters read as a list of fields. Inside this room only. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/result.h"

namespace tributary {

class FieldReader {
 public:
  void fault(const char* field, const std::string& what) {
    if (fault_.empty()) fault_ = std::string(field) + ": " + what;
  }
  Status status() const {
    return fault_.empty() ? Status{} : make_error(ErrorCode::kProtocol, fault_);
  }

  std::string name(const char* field, const std::string& text);  // is_valid_name
  std::string text(const char* field, const std::string& bytes, std::size_t bytes_max);  // UTF-8
  std::string blob(const char* field, const std::string& bytes,
                   std::size_t bytes_max);                     // any bytes
  Digest digest(const char* field, const std::string& bytes);  // 32 bytes, or none
  double finite(const char* field, double value);
  std::int64_t not_negative(const char* field, std::int64_t value);
  void count(const char* field, int items, std::size_t most);

 private:
  std::string fault_;
};

inline std::string bytes_of(const Digest& digest) {
  return digest.is_none() ? std::string{} : std::string(as_text(digest.bytes));
}

}  // namespace tributary

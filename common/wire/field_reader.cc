// SPDX-License-Identifier: Apache-2.0
#include "common/wire/field_reader.h"

#include <cmath>

#include "common/base/text.h"

namespace tributary {

std::string FieldReader::name(const char* field, const std::string& text) {
  if (!is_valid_name(text))
    fault(field, tributary::quoted(text) + " is no name (letters, digits, '.', '_', '-')");
  return text;
}

std::string FieldReader::text(const char* field, const std::string& bytes, std::size_t bytes_max) {
  if (!is_utf8(bytes)) fault(field, "not UTF-8");
  return blob(field, bytes, bytes_max);
}

std::string FieldReader::blob(const char* field, const std::string& bytes, std::size_t bytes_max) {
  if (bytes.size() > bytes_max) {
    fault(field, std::to_string(bytes.size()) + " bytes, at most " + std::to_string(bytes_max) +
                     " are allowed");
  }
  return bytes;
}

Digest FieldReader::digest(const char* field, const std::string& bytes) {
  if (bytes.empty()) return {};
  const Result<Digest> digest = digest_from_bytes(as_bytes(bytes));
  if (!digest || digest->is_none()) {
    fault(field, "not a SHA-256 digest");
    return {};
  }
  return *digest;
}

double FieldReader::finite(const char* field, double value) {
  if (!std::isfinite(value)) fault(field, "not a finite number");
  return value;
}

std::int64_t FieldReader::not_negative(const char* field, std::int64_t value) {
  if (value < 0) fault(field, "negative");
  return value;
}

void FieldReader::count(const char* field, int items, std::size_t most) {
  if (static_cast<std::size_t>(items) > most) {
    fault(field,
          std::to_string(items) + " items, at most " + std::to_string(most) + " are allowed");
  }
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// The lines of an audit log's file, each a word and what belongs to it:
//
//   record HASH NUMBER JSON        a leaf: HASH is that of what follows it, byte for byte
//   certificates ID JSON-STRING    a signer's, in PEM; ID is their SHA-256; before its first use
//   head JSON                      a signed tree head over the records before it
//   countersignature JSON          of a head before it, by somebody else
//
// Plain values and functions, any thread. Nothing here says whether a line tells the truth.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "common/audit/tree_head.h"
#include "common/storage/file_system.h"

namespace tributary {

struct RecordLine {
  Digest hash;
  std::uint64_t number = 0;  // from 0
  std::string json;
};
struct CertificatesLine {
  std::string id;
  std::string pem;
};
struct HeadLine {
  TreeHead head;
  std::string signer;  // id of certificates
  Bytes signature;
};
struct CountersignatureLine {
  TreeHead head;
  std::int64_t at_ms = 0;
  std::string signer;
  Bytes signature;
};
using AuditLine = std::variant<RecordLine, CertificatesLine, HeadLine, CountersignatureLine>;

Digest leaf_of(std::uint64_t number, std::string_view json);
std::string certificates_id(const std::string& pem);

std::string text_of(const AuditLine& line);  // with its end
// kDataLoss: what is wrong with it.
Result<AuditLine> parse_audit_line(std::string_view text);

// A head by itself in a file, as parties keep one: its signer's certificates, and the head.
std::string text_of(const SignedHead& head);
// The last one of such a file. kDataLoss: there is none, or what is there cannot be read.
Result<SignedHead> read_head(const ReadFile& file);

// Calls `take` with each line, without its end, and the byte at which it begins; `whole` is false
// for a last one that has no end. kDataLoss for one longer than kAuditLineBytesMax.
Status read_lines(
    const ReadFile& file,
    const std::function<Status(std::uint64_t byte, std::string_view line, bool whole)>& take);

}  // namespace tributary

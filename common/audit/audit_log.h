// SPDX-License-Identifier: Apache-2.0
// AuditLog: the append-only file of what a party did: records in a hash tree (merkle.h), signed
// heads over them, and others' countersignatures. Its owner makes a record durable before it acts
// on it. One owner, one thread; it reads its whole file when it is opened. It does not judge
// signatures (audit_verify.h does), and knows no record's meaning.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/audit/audit_line.h"
#include "common/audit/merkle.h"

namespace tributary {

class AuditLog {
 public:
  // Made if it is not there. A last line without an end, which a kill left, goes. `records`: how
  // many its owner knows to be there; those after them were never acted on, and go. kDataLoss: the
  // file was damaged or has fewer; it is left as it is.
  static Result<std::unique_ptr<AuditLog>> open(FileSystem& files, std::string path,
                                                std::optional<std::uint64_t> records = {});

  // JSON texts without line ends, durable when it returns; all of them or none.
  Status append(std::span<const std::string> records);
  // Those of the last append(), which was not acted on; before a head is signed.
  void take_back();
  // A head over all records; the newest one if there is nothing new and the same certificate has
  // signed it: others may not believe an earlier one any more. Durable with the next record:
  // one that a power cut takes is signed again over the same records, which are there.
  Result<SignedHead> sign(const Signer& signer, std::int64_t at_ms);
  // Of a head of this log; durable with the next record or head. What is there already is not kept
  // twice.
  Status keep(const Countersignature& countersignature);

  std::uint64_t size() const { return tree_.size(); }
  const MerkleTree& tree() const { return tree_; }
  const std::optional<SignedHead>& newest_head() const { return newest_; }

 private:
  AuditLog(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  Status read(std::optional<std::uint64_t> records);
  Status take(const AuditLine& line);
  Status write(const std::string& text);
  std::string certificates_text(const std::string& pem);

  FileSystem& files_;
  const std::string path_;
  std::unique_ptr<AppendFile> file_;  // none: what is beyond bytes_ must go first
  std::uint64_t bytes_ = 0;
  MerkleTree tree_;
  std::uint64_t size_before_ = 0;  // the last append()
  std::uint64_t bytes_before_ = 0;
  std::optional<SignedHead> newest_;
  std::map<std::string, std::string> certificates_;  // in the file, by id
  std::map<std::string, Digest> countersigned_;      // root of each signer's newest, by id
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/audit/audit_log.h"

#include <utility>

#include "common/base/assert.h"

namespace tributary {

Result<std::unique_ptr<AuditLog>> AuditLog::open(FileSystem& files, std::string path,
                                                 std::optional<std::uint64_t> records) {
  std::unique_ptr<AuditLog> log(new AuditLog(files, std::move(path)));
  if (!files.exists(log->path_)) TRIB_CHECK_OK(files.write_durably(log->path_, {}));
  if (Status read = log->read(records); !read) {
    const bool damaged = read.error().code == ErrorCode::kDataLoss;
    Error error = std::move(read).error();
    if (damaged) error.message += "; `tributaryctl audit verify` tells more";
    return std::move(error).with_context("audit log " + log->path_);
  }
  TRIB_TRY(cut, files.open_append(log->path_, log->bytes_));
  log->file_ = std::move(cut);
  return log;
}

Status AuditLog::read(std::optional<std::uint64_t> records) {
  TRIB_TRY(file, files_.open(path_));
  bool over = false;  // what is left was never acted on
  const Status done = read_lines(*file, [&](std::uint64_t byte, std::string_view text, bool whole) {
    if (!whole) return Status{};
    const auto line = parse_audit_line(text);
    if (over && line && std::holds_alternative<HeadLine>(*line)) {
      return Status(
          make_error(ErrorCode::kDataLoss, "a head is signed over more records than the " +
                                               std::to_string(*records) +
                                               " that the state knows of: the state "
                                               "is older than the log; put both back together"));
    }
    if (over) return Status{};
    const Status taken = line ? Status{} : Status(line.error());
    if (line && std::holds_alternative<RecordLine>(*line) && records && size() >= *records) {
      over = true;
      return Status{};
    }
    Status told = taken ? take(*line) : taken;
    if (!told) return Status(std::move(told).error().with_context("byte " + std::to_string(byte)));
    bytes_ = byte + text.size() + 1;
    return Status{};
  });
  TRIB_CHECK_OK(done);
  if (records && size() < *records) {
    return make_error(ErrorCode::kDataLoss, "it has " + std::to_string(size()) + " records of " +
                                                std::to_string(*records) +
                                                "; put the file back that belongs to this state");
  }
  return {};
}

Status AuditLog::take(const AuditLine& line) {
  const auto damaged = [](const std::string& what) {
    return make_error(ErrorCode::kDataLoss, what);
  };
  if (const auto* record = std::get_if<RecordLine>(&line)) {
    const std::string place = "record " + std::to_string(size());
    if (leaf_of(record->number, record->json) != record->hash)
      return damaged(place + " was changed");
    if (record->number != size())
      return damaged("record " + std::to_string(record->number) + " stands where " + place +
                     " belongs");
    tree_.append(record->hash);
  } else if (const auto* certificates = std::get_if<CertificatesLine>(&line)) {
    certificates_[certificates->id] = certificates->pem;
  } else if (const auto* head = std::get_if<HeadLine>(&line)) {
    if (head->head.size > size() || tree_.root_at(head->head.size) != head->head.root)
      return damaged("the head over " + std::to_string(head->head.size) +
                     " records is not over those before it");
    newest_ = SignedHead{head->head, {certificates_[head->signer], head->signature}};
  } else {
    const auto& one = std::get<CountersignatureLine>(line);
    countersigned_[one.signer] = one.head.root;
  }
  return {};
}

// What a failed write left goes before the next one.
Status AuditLog::write(const std::string& text) {
  if (!file_) {
    TRIB_TRY(opened, files_.open_append(path_, bytes_));
    file_ = std::move(opened);
  }
  Status written = file_->append(as_bytes(text));
  if (written) {
    bytes_ += text.size();
  } else {
    file_.reset();
  }
  return written;
}

Status AuditLog::append(std::span<const std::string> records) {
  size_before_ = size();
  bytes_before_ = bytes_;
  std::string text;
  for (const std::string& json : records) {
    TRIB_ASSERT(json.find('\n') == std::string::npos, "an audit record of several lines");
    const Digest hash = leaf_of(size(), json);
    text += text_of(RecordLine{hash, size(), json});
    tree_.append(hash);
  }
  Status done = write(text);
  if (done) done = file_->sync();
  if (!done) take_back();
  return done;
}

void AuditLog::take_back() {
  TRIB_ASSERT(!newest_ || newest_->head.size <= size_before_, "a signed record is taken back");
  tree_.cut(size_before_);
  bytes_ = bytes_before_;
  file_.reset();
}

// The line that says whose they are, where the file has none yet.
std::string AuditLog::certificates_text(const std::string& pem) {
  const std::string id = certificates_id(pem);
  return certificates_.contains(id) ? "" : text_of(CertificatesLine{id, pem});
}

Result<SignedHead> AuditLog::sign(const Signer& signer, std::int64_t at_ms) {
  if (newest_ && newest_->head.size == size() &&
      newest_->signature.certificates == signer.certificates())
    return *newest_;
  TRIB_TRY(head, sign_head(signer, {size(), tree_.root(), at_ms}));
  const std::string& pem = head.signature.certificates;
  const std::string id = certificates_id(pem);
  TRIB_CHECK_OK(
      write(certificates_text(pem) + text_of(HeadLine{head.head, id, head.signature.bytes})));
  certificates_[id] = pem;
  newest_ = head;
  return head;
}

Status AuditLog::keep(const Countersignature& one) {
  const std::string& pem = one.signature.certificates;
  const std::string id = certificates_id(pem);
  const auto known = countersigned_.find(id);
  if (known != countersigned_.end() && known->second == one.head.root) return {};
  TRIB_CHECK_OK(write(certificates_text(pem) +
                      text_of(CountersignatureLine{one.head, one.at_ms, id, one.signature.bytes})));
  certificates_[id] = pem;
  countersigned_[id] = one.head.root;
  return {};
}

}  // namespace tributary

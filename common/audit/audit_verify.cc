// SPDX-License-Identifier: Apache-2.0
#include "common/audit/audit_verify.h"

#include <set>

#include "common/audit/merkle.h"
#include "common/base/limits.h"

namespace tributary {
namespace {

std::string records_text(std::uint64_t from, std::uint64_t to) {
  if (to - from == 1) return "record " + std::to_string(from);
  return "one of the records " + std::to_string(from) + " to " + std::to_string(to - 1);
}

class Verifier {
 public:
  explicit Verifier(const Trust& trust) : trust_(trust) {}

  Status line(std::uint64_t byte, std::string_view text, bool whole) {
    byte_ = byte;
    if (!whole) {
      fault(
          "the file ends within a line: what stood there was cut off, or a program was killed "
          "as it wrote (its next start drops the line)");
      return {};
    }
    auto line = parse_audit_line(text);
    if (line) {
      std::visit([this](const auto& one) { check(one); }, *line);
    } else {
      // It may be a record, whose place is taken then: the next ones are where they belong.
      fault("after record " + before() + ": " + line.error().message);
      if (text.starts_with("rec") || text.find("\"event\"") != std::string_view::npos) miss(1);
    }
    return {};
  }

  AuditSummary finish(const std::optional<SignedHead>& kept) {
    if (kept) check_kept(*kept);
    summary_.records = next_;
    check_tail();
    return std::move(summary_);
  }

 private:
  void check(const RecordLine& record) {
    if (leaf_of(record.number, record.json) != record.hash) {
      // Its number is not to be believed either. The heads cover its hash, so they can go on.
      fault("record " + std::to_string(next_) + " was changed: it does not have its hash");
    } else if (record.number != next_ && !takes_place(record.number)) {
      return;
    }
    tree_.append(record.hash);
    ++next_;
  }

  // Whether a record follows those before it, some of which may be missing.
  bool takes_place(std::uint64_t number) {
    const std::string name = "record " + std::to_string(number);
    if (number < next_) {
      fault(name + " is out of order: it stands behind record " + before());
      return false;
    }
    fault(number == next_ + 1 ? "record " + std::to_string(next_) + " is missing before " + name
                              : "records " + std::to_string(next_) + " to " +
                                    std::to_string(number - 1) + " are missing before " + name);
    miss(number - next_);
    return true;
  }

  // Those that follow are judged by themselves, and no head can be compared any more.
  void miss(std::uint64_t count) {
    next_ += count;
    whole_ = false;
  }

  void check(const CertificatesLine& line) { certificates_[line.id] = line.pem; }

  void check(const HeadLine& line) {
    ++summary_.heads;
    const std::string name = "the head over " + std::to_string(line.head.size) + " records";
    const auto signer = certificates_.find(line.signer);
    if (signer == certificates_.end())
      return fault(name + ": its signer's certificates are missing");
    const auto who = verify_head(trust_, {line.head, {signer->second, line.signature}});
    if (!who) return distrust(name, line.signer, line.head.at_ms, who.error());
    if (line.head.size > next_)
      return fault(name + ": " + std::to_string(line.head.size - next_) +
                   " of them are missing before it");
    if (whole_ && tree_.root_at(line.head.size) != line.head.root) {
      whole_ = false;  // later heads would only repeat it
      return fault(name + " was signed over others: " +
                   records_text(summary_.signed_records, line.head.size) +
                   " was changed since, with its hash");
    }
    if (!whole_) return;
    summary_.signed_records = line.head.size;
    summary_.signer = who->name;
  }

  void check(const CountersignatureLine& line) {
    const std::string name =
        "a countersignature over " + std::to_string(line.head.size) + " records";
    const auto signer = certificates_.find(line.signer);
    if (signer == certificates_.end())
      return fault(name + ": its signer's certificates are missing");
    const auto who =
        verify_countersignature(trust_, {line.head, line.at_ms, {signer->second, line.signature}});
    if (!who) return distrust(name, line.signer, line.at_ms, who.error());
    if (line.head.size > next_ || (whole_ && tree_.root_at(line.head.size) != line.head.root))
      return fault(name + ", by " + who->name + ", is of another log than this one");
    if (whole_) summary_.countersigned[who->name] = line.head.size;
  }

  void check_kept(const SignedHead& kept) {
    const std::string name =
        "the head that was kept, over " + std::to_string(kept.head.size) + " records";
    const auto who = verify_head(trust_, kept);
    if (!who) {
      summary_.faults.push_back(name + ": " + who.error().message);
    } else if (kept.head.size > next_) {
      summary_.faults.push_back(name + ": the log has only " + std::to_string(next_) +
                                "; what it had behind them was cut off");
    } else if (whole_ && tree_.root_at(kept.head.size) != kept.head.root) {
      summary_.faults.push_back(name + ": the log has others; it was rewritten");
    } else {
      kept_ = kept.head.size;
    }
  }

  // Whoever can write the file can make records with right hashes; heads only the signer can.
  void check_tail() {
    if (!whole_ || !summary_.faults.empty()) return;  // what is wrong is told
    if (next_ == 0) {
      summary_.faults.push_back("there is no record: an empty file proves nothing");
    } else if (summary_.signed_records < next_ && kept_ == next_) {
      summary_.faults.push_back("the head over all " + std::to_string(next_) +
                                " records is gone; the one that was kept says that they are right");
    } else if (summary_.signed_records < next_) {
      summary_.faults.push_back(records_text(summary_.signed_records, next_) +
                                " is under no head: nobody has signed it (of a log that is being "
                                "written, the next head is to come)");
    }
  }

  // A signer whose certificate is not believed is told of once: each of its signatures is wrong.
  void distrust(const std::string& name, const std::string& signer, std::int64_t at_ms,
                const Error& why) {
    if (verify_certificates(trust_, certificates_[signer], at_ms / 1000))
      return fault(name + ": " + why.message);
    if (distrusted_.insert(signer).second)
      fault(name + ": " + why.message + " (nor for anything else that it has signed here)");
  }

  std::string before() const { return next_ == 0 ? "none" : std::to_string(next_ - 1); }

  void fault(const std::string& what) {
    if (summary_.faults.size() < limits::kAuditFaultsMax) {
      summary_.faults.push_back("byte " + std::to_string(byte_) + ": " + what);
    } else {
      ++summary_.faults_untold;
    }
  }

  const Trust& trust_;
  AuditSummary summary_;
  MerkleTree tree_;
  bool whole_ = true;  // no record before is wrong or missing
  std::uint64_t next_ = 0;
  std::uint64_t byte_ = 0;
  std::map<std::string, std::string> certificates_;
  std::set<std::string> distrusted_;  // signers
  std::uint64_t kept_ = 0;            // records under the head that was kept, if that is right
};

}  // namespace

Result<AuditSummary> verify_audit(const ReadFile& file, const Trust& trust,
                                  const std::optional<SignedHead>& kept) {
  Verifier verifier(trust);
  TRIB_CHECK_OK(
      read_lines(file, [&verifier](std::uint64_t byte, std::string_view line, bool whole) {
        return verifier.line(byte, line, whole);
      }));
  return verifier.finish(kept);
}

}  // namespace tributary

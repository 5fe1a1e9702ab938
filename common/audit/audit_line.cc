// SPDX-License-Identifier: Apache-2.0
#include "common/audit/audit_line.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "common/audit/merkle.h"
#include "common/base/limits.h"
#include "common/crypto/digest.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kReadBytes = 1u << 16;

std::string content(std::uint64_t number, std::string_view json) {
  return std::to_string(number) + " " + std::string(json);
}

Json json_of(const TreeHead& head, const std::string& signer, ByteView signature) {
  return {{"size", head.size},
          {"root", head.root.hex()},
          {"at_ms", head.at_ms},
          {"signer", signer},
          {"signature", to_hex(signature)}};
}

struct Writer {
  std::string operator()(const RecordLine& line) const {
    return "record " + line.hash.hex() + " " + content(line.number, line.json);
  }
  std::string operator()(const CertificatesLine& line) const {
    return "certificates " + line.id + " " + Json(line.pem).dump();
  }
  std::string operator()(const HeadLine& line) const {
    return "head " + json_of(line.head, line.signer, line.signature).dump();
  }
  std::string operator()(const CountersignatureLine& line) const {
    Json json = json_of(line.head, line.signer, line.signature);
    json["countersigned_ms"] = line.at_ms;
    return "countersignature " + json.dump();
  }
};

// Up to the next space, which is taken too.
std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

Error damaged(const std::string& what) { return make_error(ErrorCode::kDataLoss, what); }

Result<AuditLine> parse_record(std::string_view text) {
  RecordLine line;
  const auto hash = digest_from_hex(take_word(text));
  if (!hash) return damaged("a record without a hash");
  line.hash = *hash;
  const std::string_view number = take_word(text);
  const auto [end, fault] =
      std::from_chars(number.data(), number.data() + number.size(), line.number);
  if (fault != std::errc{} || end != number.data() + number.size())
    return damaged("a record without a number");
  line.json = text;
  return AuditLine{std::move(line)};
}

Result<Bytes> bytes_from_hex(const std::string& hex) {
  Bytes bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    unsigned value = 0;
    const char* const first = hex.data() + 2 * i;
    const auto [end, fault] = std::from_chars(first, first + 2, value, 16);
    if (fault != std::errc{} || end != first + 2) return damaged("not hexadecimal");
    bytes[i] = static_cast<std::byte>(value);
  }
  return bytes;
}

// A fraction, or a number beyond 64 bits, has no value as an integer.
template <typename Integer>
Result<Integer> integer_at(const Json& json, const char* name) {
  const Json& value = json.at(name);
  if (!value.is_number_integer()) return damaged(std::string(name) + " is no integer");
  return value.get<Integer>();
}

Result<AuditLine> parse_signed(std::string_view text, bool head) {
  const Json json = Json::parse(text);
  TreeHead of;
  TRIB_TRY(size, integer_at<std::uint64_t>(json, "size"));
  of.size = size;
  TRIB_TRY(root, digest_from_hex(json.at("root").get<std::string>()));
  of.root = root;
  TRIB_TRY(at_ms, integer_at<std::int64_t>(json, "at_ms"));
  of.at_ms = at_ms;
  TRIB_TRY(signature, bytes_from_hex(json.at("signature").get<std::string>()));
  auto signer = json.at("signer").get<std::string>();
  if (head) return AuditLine{HeadLine{of, std::move(signer), std::move(signature)}};
  TRIB_TRY(countersigned_ms, integer_at<std::int64_t>(json, "countersigned_ms"));
  return AuditLine{
      CountersignatureLine{of, countersigned_ms, std::move(signer), std::move(signature)}};
}

Result<AuditLine> parse_certificates(std::string_view text) {
  CertificatesLine line;
  line.id = take_word(text);
  line.pem = Json::parse(text).get<std::string>();
  if (line.id != certificates_id(line.pem))
    return damaged("certificates that do not have the digest " + line.id);
  return AuditLine{std::move(line)};
}

Result<AuditLine> parse_words(std::string_view text) {
  const std::string word(take_word(text));
  try {
    if (word == "record") return parse_record(text);
    if (word == "head") return parse_signed(text, true);
    if (word == "countersignature") return parse_signed(text, false);
    if (word == "certificates") return parse_certificates(text);
  } catch (const Json::exception&) {
    return damaged("a " + word + " that cannot be read");
  }
  return damaged("no record, head, countersignature or certificates");
}

}  // namespace

Digest leaf_of(std::uint64_t number, std::string_view json) {
  return merkle_leaf(as_bytes(content(number, json)));
}

std::string certificates_id(const std::string& pem) { return sha256(as_bytes(pem)).hex(); }

std::string text_of(const AuditLine& line) { return std::visit(Writer{}, line) + "\n"; }

Result<AuditLine> parse_audit_line(std::string_view text) {
  TRIB_TRY(line, parse_words(text));
  // One text for each line: a flipped bit may leave its meaning (a digit in upper case), and is to
  // be found all the same.
  const std::string written = text_of(line);
  if (std::string_view(written).substr(0, written.size() - 1) != text)
    return damaged("a line that is not written as it should be");
  return line;
}

Status read_lines(
    const ReadFile& file,
    const std::function<Status(std::uint64_t byte, std::string_view line, bool whole)>& take) {
  std::string line;
  Bytes block(kReadBytes);
  std::uint64_t begin = 0;
  for (std::uint64_t offset = 0; offset < file.size();) {
    const auto bytes =
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), file.size() - offset));
    TRIB_CHECK_OK(file.read_at(offset, std::span(block).first(bytes)));
    std::string_view rest = as_text(std::span(block).first(bytes));
    offset += bytes;
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      line += rest.substr(0, end);
      rest.remove_prefix(end + 1);
      TRIB_CHECK_OK(take(begin, line, true));
      begin += line.size() + 1;
      line.clear();
    }
    line += rest;
    if (line.size() > limits::kAuditLineBytesMax)
      return damaged("the line at byte " + std::to_string(begin) + " is longer than any is");
  }
  return line.empty() ? Status{} : take(begin, line, false);
}

std::string text_of(const SignedHead& head) {
  const std::string& pem = head.signature.certificates;
  const std::string id = certificates_id(pem);
  return text_of(CertificatesLine{id, pem}) +
         text_of(HeadLine{head.head, id, head.signature.bytes});
}

Result<SignedHead> read_head(const ReadFile& file) {
  std::optional<SignedHead> newest;
  std::string certificates;
  TRIB_CHECK_OK(read_lines(file, [&](std::uint64_t, std::string_view text, bool) -> Status {
    TRIB_TRY(line, parse_audit_line(text));
    if (const auto* pem = std::get_if<CertificatesLine>(&line)) certificates = pem->pem;
    if (const auto* head = std::get_if<HeadLine>(&line))
      newest = SignedHead{head->head, {certificates, head->signature}};
    return {};
  }));
  if (newest) return *std::move(newest);
  return make_error(ErrorCode::kDataLoss, "no head is in it");
}

}  // namespace tributary

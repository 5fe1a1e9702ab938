// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_context.h"

#include <bit>
#include <string>

#include "common/crypto/digest.h"

namespace tributary {
namespace {

// Each field with its length, so that no two lists of fields have the same bytes.
class Fields {
 public:
  explicit Fields(std::string_view domain) { text(domain); }

  Fields& number(std::uint64_t value) {
    std::array<std::byte, sizeof value> bytes;
    put_little_endian(bytes.data(), value);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Fields& bytes(ByteView value) {
    number(value.size());
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  Fields& text(std::string_view value) { return bytes(as_bytes(value)); }
  Fields& real(double value) { return number(std::bit_cast<std::uint64_t>(value)); }
  Bytes take() { return std::move(bytes_); }
  Digest digest() const { return sha256(bytes_); }

 private:
  Bytes bytes_;
};

}  // namespace

Digest digest_of(const SumContext& context) {
  Fields fields("tributary/1 secure sum");
  fields.text(context.key.job.value)
      .number(context.key.round)
      .number(context.key.attempt)
      .text(task_kind_name(context.key.kind))
      .bytes(context.document.bytes)
      .bytes(context.model.bytes)
      .number(context.numbers)
      .number(context.wide)
      .number(context.bits)
      .real(context.risks.adversarial)
      .real(context.risks.dropout)
      .number(context.risks.server_may_lie ? 1 : 0);
  if (context.clip > 0.0) fields.real(context.clip);
  return fields.digest();
}

Bytes keys_statement(const Digest& about, const SumMember& member) {
  return Fields("keys")
      .bytes(about.bytes)
      .text(member.site.value)
      .bytes(member.share_key)
      .bytes(member.mask_key)
      .take();
}

Bytes survivors_statement(const Digest& session, const MemberSet& sharing,
                          const MemberSet& survivors) {
  return Fields("survivors")
      .bytes(session.bytes)
      .bytes(sharing.bitmap())
      .bytes(survivors.bitmap())
      .take();
}

Digest roster_digest(const std::vector<SumMember>& roster) {
  Fields fields("roster");
  for (const SumMember& member : roster) {
    fields.text(member.site.value)
        .bytes(sha256(as_bytes(member.certificate)).bytes)
        .bytes(member.share_key)
        .bytes(member.mask_key)
        .bytes(member.about.bytes)
        .bytes(member.signature);
  }
  return fields.digest();
}

Digest session_id(const Digest& about, const Digest& roster) {
  return Fields("session").bytes(about.bytes).bytes(roster.bytes).digest();
}

}  // namespace tributary

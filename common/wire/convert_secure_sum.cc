// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "common/base/limits.h"
#include "common/wire/convert.h"

namespace tributary {
namespace {

constexpr std::size_t kMembersMax = limits::kSitesMax;
constexpr std::size_t kBitmapMax = (kMembersMax + 7) / 8;
constexpr std::size_t kSealedMax = 256;  // two shares and a tag take 96
constexpr std::size_t kWordMax = 64;

std::string text_of(ByteView bytes) { return std::string(as_text(bytes)); }

Bytes read_bytes(FieldReader& in, const char* field, const std::string& from, std::size_t most) {
  const std::string checked = in.blob(field, from, most);
  const ByteView view = as_bytes(checked);
  return {view.begin(), view.end()};
}

SumPublicKey read_key(FieldReader& in, const char* field, const std::string& from) {
  SumPublicKey key{};
  if (from.size() != key.size()) {
    in.fault(field, "32 bytes");
  } else {
    std::ranges::copy(as_bytes(from), key.begin());
  }
  return key;
}

void to_wire(const SumMember& from, wire::SumMember& to) {
  to.set_site(from.site.value);
  to.set_certificate(from.certificate);
  to.set_share_key(text_of(from.share_key));
  to.set_mask_key(text_of(from.mask_key));
  to.set_about(bytes_of(from.about));
  to.set_signature(text_of(from.signature));
}

SumMember from_wire(FieldReader& in, const wire::SumMember& from) {
  return {SiteName{in.name("site", from.site())},
          in.text("certificate", from.certificate(), limits::kCertificatesBytesMax),
          read_key(in, "share_key", from.share_key()),
          read_key(in, "mask_key", from.mask_key()),
          in.digest("about", from.about()),
          read_bytes(in, "signature", from.signature(), limits::kSignatureBytesMax)};
}

template <typename Repeated>
void to_wire(const std::vector<SealedShares>& from, Repeated& to) {
  for (const SealedShares& one : from) {
    wire::SealedShares& shares = *to.Add();
    shares.set_peer(one.peer);
    shares.set_sealed(text_of(one.bytes));
  }
}

template <typename Repeated>
std::vector<SealedShares> read_shares(FieldReader& in, const Repeated& from) {
  std::vector<SealedShares> to;
  in.count("shares", from.size(), kMembersMax);
  for (const wire::SealedShares& one : from)
    to.push_back({one.peer(), read_bytes(in, "sealed", one.sealed(), kSealedMax)});
  return to;
}

// One overload per body, into its message.
struct RequestEncoder {
  wire::SumRequest& to;

  void operator()(const SumRoster& m) {
    wire::SumRoster& roster = *to.mutable_roster();
    roster.set_members(m.members);
    roster.set_first(m.first);
    roster.set_issuers(m.issuers);
    for (const SumMember& member : m.part) to_wire(member, *roster.add_part());
  }
  void operator()(const SumSharesPassed& m) {
    to.mutable_shares_passed()->set_sharing(text_of(m.sharing));
    to_wire(m.shares, *to.mutable_shares_passed()->mutable_shares());
  }
  void operator()(const SumSurvivors& m) {
    to.mutable_survivors()->set_sharing(text_of(m.sharing));
    to.mutable_survivors()->set_survivors(text_of(m.survivors));
  }
  void operator()(const SumAgreements& m) {
    for (const SumAgreements::One& one : m.signatures) {
      wire::SumAgreements::One& signature = *to.mutable_agreements()->add_signatures();
      signature.set_member(one.member);
      signature.set_signature(text_of(one.signature));
    }
    to.mutable_agreements();
  }
};

struct AnswerEncoder {
  wire::SumAnswer& to;

  void operator()(const SumKeys& m) {
    to_wire(m.member, *to.mutable_keys()->mutable_member());
    to.mutable_keys()->set_issuers(m.issuers);
  }
  void operator()(const SumShares& m) {
    to.mutable_shares()->set_commitment(bytes_of(m.commitment));
    to_wire(m.shares, *to.mutable_shares()->mutable_shares());
  }
  void operator()(const SumInput& m) { to_wire_blob(m.masked); }
  void operator()(const SumAgreement& m) { to.set_agreement(text_of(m.signature)); }
  void operator()(const SumReveal& m) {
    for (const SumReveal::One& one : m.shares) {
      wire::SumReveal::One& share = *to.mutable_reveal()->add_shares();
      share.set_member(one.member);
      share.set_of_mask_key(one.of_mask_key);
      for (const std::uint64_t value : one.values) share.add_values(value);
    }
    to.mutable_reveal();
  }
  void operator()(const SumAbort& m) {
    to.mutable_abort()->set_reason(m.reason);
    to.mutable_abort()->set_detail(m.detail);
  }
  void to_wire_blob(const BlobRef& blob) { tributary::to_wire(blob, *to.mutable_masked()); }
};

SumRoster read_roster(FieldReader& in, const wire::SumRoster& from) {
  SumRoster to{from.members(),
               from.first(),
               in.text("issuers", from.issuers(), limits::kCertificatesBytesMax),
               {}};
  in.count("part", from.part_size(), kMembersMax);
  for (const wire::SumMember& member : from.part()) to.part.push_back(from_wire(in, member));
  return to;
}

SumAgreements read_agreements(FieldReader& in, const wire::SumAgreements& from) {
  SumAgreements to;
  in.count("signatures", from.signatures_size(), kMembersMax);
  for (const wire::SumAgreements::One& one : from.signatures()) {
    to.signatures.push_back(
        {one.member(), read_bytes(in, "signature", one.signature(), limits::kSignatureBytesMax)});
  }
  return to;
}

SumReveal read_reveal(FieldReader& in, const wire::SumReveal& from) {
  SumReveal to;
  in.count("shares", from.shares_size(), kMembersMax);
  for (const wire::SumReveal::One& one : from.shares()) {
    SumReveal::One share{one.member(), one.of_mask_key(), {}};
    if (std::cmp_not_equal(one.values_size(), share.values.size())) {
      in.fault("values", "five");
    } else {
      std::ranges::copy(one.values(), share.values.begin());
    }
    to.shares.push_back(share);
  }
  return to;
}

}  // namespace

void to_wire(const SumRequest& from, wire::SumRequest& to) {
  to_wire(from.key, *to.mutable_key());
  std::visit(RequestEncoder{to}, from.body);
}

SumRequest from_wire(FieldReader& in, const wire::SumRequest& from) {
  SumRequest to{from_wire(in, from.key()), {}};
  switch (from.body_case()) {
    case wire::SumRequest::kRoster:
      to.body = read_roster(in, from.roster());
      break;
    case wire::SumRequest::kSharesPassed:
      to.body =
          SumSharesPassed{read_bytes(in, "sharing", from.shares_passed().sharing(), kBitmapMax),
                          read_shares(in, from.shares_passed().shares())};
      break;
    case wire::SumRequest::kSurvivors:
      to.body = SumSurvivors{read_bytes(in, "sharing", from.survivors().sharing(), kBitmapMax),
                             read_bytes(in, "survivors", from.survivors().survivors(), kBitmapMax)};
      break;
    case wire::SumRequest::kAgreements:
      to.body = read_agreements(in, from.agreements());
      break;
    case wire::SumRequest::BODY_NOT_SET:
      in.fault("body", "missing");
      break;
  }
  return to;
}

void to_wire(const SumAnswer& from, wire::SumAnswer& to) {
  to_wire(from.key, *to.mutable_key());
  std::visit(AnswerEncoder{to}, from.body);
}

SumAnswer from_wire(FieldReader& in, const wire::SumAnswer& from) {
  SumAnswer to{from_wire(in, from.key()), {}};
  switch (from.body_case()) {
    case wire::SumAnswer::kKeys:
      to.body = SumKeys{from_wire(in, from.keys().member()),
                        in.text("issuers", from.keys().issuers(), limits::kCertificatesBytesMax)};
      break;
    case wire::SumAnswer::kShares:
      to.body = SumShares{in.digest("commitment", from.shares().commitment()),
                          read_shares(in, from.shares().shares())};
      break;
    case wire::SumAnswer::kMasked:
      to.body = SumInput{from_wire(in, from.masked())};
      break;
    case wire::SumAnswer::kAgreement:
      to.body =
          SumAgreement{read_bytes(in, "agreement", from.agreement(), limits::kSignatureBytesMax)};
      break;
    case wire::SumAnswer::kReveal:
      to.body = read_reveal(in, from.reveal());
      break;
    case wire::SumAnswer::kAbort:
      to.body = SumAbort{in.text("reason", from.abort().reason(), kWordMax),
                         in.text("detail", from.abort().detail(), limits::kLogValueBytesMax)};
      break;
    case wire::SumAnswer::BODY_NOT_SET:
      in.fault("body", "missing");
      break;
  }
  return to;
}

}  // namespace tributary

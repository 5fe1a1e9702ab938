// SPDX-License-Identifier: Apache-2.0
#include "common/base/limits.h"
#include "common/wire/convert.h"

namespace tributary {
namespace {

constexpr std::size_t kTextMax = limits::kLogValueBytesMax;
constexpr std::size_t kPemMax = limits::kCertificatesBytesMax;

EnrolmentState from_wire(FieldReader& in, wire::EnrolmentState state) {
  const int value = static_cast<int>(state) - 1;
  if (value >= 0 && value <= static_cast<int>(EnrolmentState::kDenied))
    return static_cast<EnrolmentState>(value);
  in.fault("state", "not one that this version knows");
  return EnrolmentState::kDenied;
}

wire::EnrolmentState to_wire(EnrolmentState state) {
  return static_cast<wire::EnrolmentState>(static_cast<int>(state) + 1);
}

void to_wire(const EnrolmentRow& from, wire::EnrolmentRow& to) {
  to.set_site(from.site.value);
  to.set_role(from.role);
  to.set_renewal(from.renewal);
  to.set_state(to_wire(from.state));
  to.set_request(from.request);
  to.set_fingerprint(from.fingerprint);
  to.set_address(from.address);
  to.set_by(from.by);
  to.set_why(from.why);
  to.set_changed_wall_ms(from.changed_wall_ms);
  to.set_until_wall_ms(from.until_wall_ms);
}
EnrolmentRow from_wire(FieldReader& in, const wire::EnrolmentRow& from) {
  return {SiteName{in.name("site", from.site())},
          in.name("role", from.role()),
          from.renewal(),
          from_wire(in, from.state()),
          in.text("request", from.request(), kPemMax),
          in.text("fingerprint", from.fingerprint(), kTextMax),
          in.text("address", from.address(), kTextMax),
          in.text("by", from.by(), kTextMax),
          in.text("why", from.why(), kTextMax),
          in.not_negative("changed_wall_ms", from.changed_wall_ms()),
          in.not_negative("until_wall_ms", from.until_wall_ms())};
}

}  // namespace

void to_wire(const Enrol& from, wire::Enrol& to) {
  to.set_site(from.site.value);
  to.set_token(from.token);
  to.set_request(from.request);
}
Enrol from_wire(FieldReader& in, const wire::Enrol& from) {
  return {SiteName{in.name("site", from.site())}, in.text("token", from.token(), kTextMax),
          in.text("request", from.request(), kPemMax)};
}

void to_wire(const EnrolAnswer& from, wire::EnrolAnswer& to) {
  to.set_state(to_wire(from.state));
  to.set_certificates(from.certificates);
  to.set_crl(from.crl);
  to.set_why(from.why);
}
EnrolAnswer from_wire(FieldReader& in, const wire::EnrolAnswer& from) {
  return {from_wire(in, from.state()), in.text("certificates", from.certificates(), kPemMax),
          in.text("crl", from.crl(), limits::kControlBytesMax),
          in.text("why", from.why(), kTextMax)};
}

void to_wire(const TrustUpdate& from, wire::TrustUpdate& to) {
  to.set_certificates(from.certificates);
  to.set_crl(from.crl);
}
TrustUpdate from_wire(FieldReader& in, const wire::TrustUpdate& from) {
  return {in.text("certificates", from.certificates(), kPemMax),
          in.text("crl", from.crl(), limits::kControlBytesMax)};
}

void to_wire(const InviteSite& from, wire::InviteSite& to) {
  to.set_site(from.site.value);
  to.set_role(from.role);
  to.set_token_hash(bytes_of(from.token_hash));
  to.set_valid_ms(from.valid_ms);
}
InviteSite from_wire(FieldReader& in, const wire::InviteSite& from) {
  return {SiteName{in.name("site", from.site())}, in.name("role", from.role()),
          in.digest("token_hash", from.token_hash()), in.not_negative("valid_ms", from.valid_ms())};
}

void to_wire(const EnrolmentList& from, wire::EnrolmentList& to) {
  for (const EnrolmentRow& row : from.rows) to_wire(row, *to.add_rows());
  to.set_next(from.next);
}
EnrolmentList from_wire(FieldReader& in, const wire::EnrolmentList& from) {
  EnrolmentList list;
  in.count("rows", from.rows_size(), 2 * limits::kSitesMax);
  for (const wire::EnrolmentRow& row : from.rows()) list.rows.push_back(from_wire(in, row));
  list.next = from.next();
  return list;
}

void to_wire(const DecideEnrolment& from, wire::DecideEnrolment& to) {
  to.set_site(from.site.value);
  to.set_renewal(from.renewal);
  to.set_fingerprint(from.fingerprint);
  to.set_certificates(from.certificates);
  to.set_why(from.why);
}
DecideEnrolment from_wire(FieldReader& in, const wire::DecideEnrolment& from) {
  return {SiteName{in.name("site", from.site())}, from.renewal(),
          in.text("fingerprint", from.fingerprint(), kTextMax),
          in.text("certificates", from.certificates(), kPemMax),
          in.text("why", from.why(), kTextMax)};
}

}  // namespace tributary

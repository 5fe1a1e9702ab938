// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/operator_roles.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "common/wire/message_codec.h"

namespace tributary {
namespace {

using Roles = std::span<const std::string_view>;

// Each may do what the next one may, and more.
constexpr std::array<std::string_view, 6> kRoles = {"operator", "root-admin", "org-admin",
                                                    "lead",     "analyst",    "auditor"};
constexpr Roles kAdministrators = Roles(kRoles).first(3);
constexpr Roles kLeads = Roles(kRoles).first(4);
constexpr Roles kScientists = Roles(kRoles).first(5);
constexpr Roles kReaders = Roles(kRoles);

struct Permitted {
  Roles operator()(const ListJobs&) const { return kReaders; }
  Roles operator()(const ShowJob&) const { return kReaders; }
  Roles operator()(const GetStatus&) const { return kReaders; }
  Roles operator()(const WatchJob&) const { return kReaders; }
  Roles operator()(const GetModel&) const { return kScientists; }
  Roles operator()(const SubmitJob&) const { return kLeads; }
  Roles operator()(const AbortJob&) const { return kLeads; }
  Roles operator()(const ChangeJob&) const { return kLeads; }
  Roles operator()(const ControlSite&) const { return kAdministrators; }
  Roles operator()(const InviteSite&) const { return kAdministrators; }
  Roles operator()(const ListEnrolments&) const { return kAdministrators; }
  Roles operator()(const DecideEnrolment&) const { return kAdministrators; }
  template <typename Other>
  Roles operator()(const Other&) const {
    return kReaders;  // no request: whoever handles it says so
  }
};

}  // namespace

Status permits_request(std::string_view role, const Message& request) {
  const Roles roles = std::visit(Permitted{}, request);
  if (std::ranges::find(roles, role) != roles.end()) return {};
  std::string who;
  for (const std::string_view one : roles) who += (who.empty() ? "" : ", ") + std::string(one);
  return make_error(ErrorCode::kPermissionDenied, "the role " + std::string(role) +
                                                      " may not ask for " + message_name(request) +
                                                      "; these may: " + who);
}

}  // namespace tributary

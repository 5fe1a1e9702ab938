// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/operator_roles.h"

#include <string>

#include "common/base/words.h"
#include "common/wire/message_codec.h"

namespace tributary {
namespace {

using enum OperatorAction;

struct ActionOf {
  std::optional<OperatorAction> operator()(const GetStatus&) const { return kReadStatus; }
  std::optional<OperatorAction> operator()(const ListJobs&) const { return kReadJobs; }
  std::optional<OperatorAction> operator()(const ShowJob&) const { return kReadJobs; }
  std::optional<OperatorAction> operator()(const WatchJob&) const { return kWatchJobs; }
  std::optional<OperatorAction> operator()(const GetModel&) const { return kReadModels; }
  std::optional<OperatorAction> operator()(const SubmitJob&) const { return kSubmitJobs; }
  std::optional<OperatorAction> operator()(const AbortJob&) const { return kControlJobs; }
  std::optional<OperatorAction> operator()(const ChangeJob&) const { return kControlJobs; }
  std::optional<OperatorAction> operator()(const ControlSite&) const { return kControlSites; }
  std::optional<OperatorAction> operator()(const InviteSite&) const { return kEnrolSites; }
  std::optional<OperatorAction> operator()(const ListEnrolments&) const { return kEnrolSites; }
  std::optional<OperatorAction> operator()(const DecideEnrolment&) const { return kEnrolSites; }
  template <typename Other>
  std::optional<OperatorAction> operator()(const Other&) const {
    return std::nullopt;
  }
};

const JobId* job_of(const Message& request) {
  if (const auto* abort = std::get_if<AbortJob>(&request)) return &abort->job;
  if (const auto* change = std::get_if<ChangeJob>(&request)) return &change->job;
  return nullptr;
}

}  // namespace

std::optional<OperatorAction> action_of(const Message& request) {
  return std::visit(ActionOf{}, request);
}

Status permits_request(const RoleMatrix& matrix, std::string_view role, const Message& request,
                       const std::function<bool(const JobId&)>& is_own) {
  const std::optional<OperatorAction> action = action_of(request);
  if (!action) {
    return make_error(ErrorCode::kPermissionDenied,
                      message_name(request) + " is nothing that an operator may send");
  }
  if (may(matrix, role, *action)) return {};
  const bool own_only = *action == kControlJobs && may(matrix, role, kControlOwnJobs);
  if (own_only && is_own(*job_of(request))) return {};
  const std::string these = joined(roles_that_may(matrix, *action), ", ");
  return make_error(ErrorCode::kPermissionDenied,
                    "the role " + std::string(role) + " may not ask for " + message_name(request) +
                        (own_only ? " for a job that somebody else submitted" : "") +
                        "; these may (" + std::string(action_name(*action)) +
                        "): " + (these.empty() ? "nobody" : these));
}

}  // namespace tributary

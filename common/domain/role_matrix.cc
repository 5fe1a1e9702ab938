// SPDX-License-Identifier: Apache-2.0
#include "common/domain/role_matrix.h"

namespace tributary {

std::string_view action_name(OperatorAction action) {
  for (const ActionInfo& one : kOperatorActions) {
    if (one.action == action) return one.name;
  }
  return "";
}

std::optional<OperatorAction> action_from_name(std::string_view name) {
  for (const ActionInfo& one : kOperatorActions) {
    if (one.name == name) return one.action;
  }
  return std::nullopt;
}

const RoleMatrix& built_in_roles() {
  using enum OperatorAction;
  static const RoleMatrix kMatrix = [] {
    const std::set<OperatorAction> auditor = {kReadStatus, kReadJobs, kWatchJobs};
    std::set<OperatorAction> analyst = auditor;
    analyst.insert(kReadModels);
    std::set<OperatorAction> lead = analyst;
    lead.insert({kSubmitJobs, kControlOwnJobs, kControlJobs});
    std::set<OperatorAction> administrator = lead;
    administrator.insert({kControlSites, kEnrolSites});
    return RoleMatrix{{"operator", administrator},  {"root-admin", administrator},
                      {"org-admin", administrator}, {"lead", lead},
                      {"analyst", analyst},         {"auditor", auditor}};
  }();
  return kMatrix;
}

bool may(const RoleMatrix& matrix, std::string_view role, OperatorAction action) {
  const auto found = matrix.find(role);
  return found != matrix.end() && found->second.contains(action);
}

std::vector<std::string> roles_that_may(const RoleMatrix& matrix, OperatorAction action) {
  std::vector<std::string> roles;
  for (const auto& [role, actions] : matrix) {
    if (actions.contains(action)) roles.push_back(role);
  }
  return roles;
}

}  // namespace tributary

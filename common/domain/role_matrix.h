// SPDX-License-Identifier: Apache-2.0
// RoleMatrix: what operators of each role may ask a coordinator for. What is not named is refused.
// Here is the matrix that is in force where no file of the coordinator's says another one. Plain
// values and functions, any thread. It does not know who somebody is.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tributary {

// Groups of requests: as fine as people tell them apart, not each message.
enum class OperatorAction {
  kReadStatus,      // sites, and what they do
  kReadJobs,        // their list, and each with its file, rounds and sites
  kWatchJobs,       // events as they happen
  kReadModels,      // fetch global models
  kSubmitJobs,      // dry runs too
  kControlOwnJobs,  // change and abort those that one has submitted
  kControlJobs,     // whoever has submitted them
  kControlSites,    // disable, revoke, enable
  kEnrolSites,      // invite, and decide about certificates
};

struct ActionInfo {
  OperatorAction action;
  std::string_view name;
};
inline constexpr auto kOperatorActions = std::to_array<ActionInfo>({
    {OperatorAction::kReadStatus, "read_status"},
    {OperatorAction::kReadJobs, "read_jobs"},
    {OperatorAction::kWatchJobs, "watch_jobs"},
    {OperatorAction::kReadModels, "read_models"},
    {OperatorAction::kSubmitJobs, "submit_jobs"},
    {OperatorAction::kControlOwnJobs, "control_own_jobs"},
    {OperatorAction::kControlJobs, "control_jobs"},
    {OperatorAction::kControlSites, "control_sites"},
    {OperatorAction::kEnrolSites, "enrol_sites"},
});
std::string_view action_name(OperatorAction action);
std::optional<OperatorAction> action_from_name(std::string_view name);

// By role; a role that is not in it may do nothing.
using RoleMatrix = std::map<std::string, std::set<OperatorAction>, std::less<>>;

const RoleMatrix& built_in_roles();
bool may(const RoleMatrix& matrix, std::string_view role, OperatorAction action);
// In the order of their names.
std::vector<std::string> roles_that_may(const RoleMatrix& matrix, OperatorAction action);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/config/roles_file.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/config/file_kind.h"
#include "common/config/suggest.h"
#include "common/crypto/identity.h"

namespace tributary {
namespace {

std::vector<std::string> known_actions() {
  std::vector<std::string> names;
  for (const ActionInfo& one : kOperatorActions) names.emplace_back(one.name);
  return names;
}

}  // namespace

Result<RoleMatrix> parse_role_matrix(const std::string& text, const std::string& file_name) {
  TRIB_TRY(document, YamlDocument::parse(text, file_name));
  Section root = document->root();
  TRIB_CHECK_OK(refuse_other_kinds(FileKind::kRoles, root, *document));
  const std::vector<std::string> roles(kOperatorRoles.begin(), kOperatorRoles.end());
  RoleMatrix matrix;
  for (const std::string& role : root.keys()) {
    const std::vector<std::string> actions = root.texts(role);
    if (!std::ranges::count(roles, role)) {
      root.fault(role, "unknown role " + quoted(role) + suggest(role, roles));
      continue;
    }
    std::set<OperatorAction>& granted = matrix[role];
    for (const std::string& name : actions) {
      if (const auto action = action_from_name(name)) {
        granted.insert(*action);
      } else {
        root.fault(role, "unknown action " + quoted(name) + suggest(name, known_actions()));
      }
    }
  }
  if (root.keys().empty()) root.fault("", "no role is named, so nobody could do anything");
  TRIB_CHECK_OK(document->finish());
  return matrix;
}

std::string text_of(const RoleMatrix& matrix) {
  std::string text;
  for (const std::string_view role : kOperatorRoles) {
    const auto found = matrix.find(role);
    if (found == matrix.end()) continue;
    std::string actions;
    for (const OperatorAction action : found->second)
      actions += (actions.empty() ? "" : ", ") + std::string(action_name(action));
    text += found->first + ": [" + actions + "]\n";
  }
  return text;
}

}  // namespace tributary

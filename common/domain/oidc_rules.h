// SPDX-License-Identifier: Apache-2.0
// OidcRules: whose bearer tokens a coordinator takes, and who somebody is by one. Plain values, any
// thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tributary {

struct OidcRules {
  std::string issuer;    // as the tokens name it, letter by letter
  std::string audience;  // one of those that a token is for
  std::string name_claim = "sub";
  std::string role_claim = "tributary_role";
  // Words of role_claim and the roles that they mean; the first that a token has counts. None: the
  // word is the role.
  std::vector<std::pair<std::string, std::string>> role_map = {};
};

}  // namespace tributary

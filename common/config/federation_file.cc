// SPDX-License-Identifier: Apache-2.0
#include "common/config/federation_file.h"

#include <set>

#include "common/base/ids.h"
#include "common/config/file_kind.h"

namespace tributary {

Result<FederationConfig> parse_federation_config(const std::string& text,
                                                 const std::string& file_name,
                                                 const std::vector<std::string>& roles) {
  TRIB_TRY(document, YamlDocument::parse(text, file_name));
  Section root = document->root();
  TRIB_CHECK_OK(refuse_other_kinds(FileKind::kFederation, root, *document));
  FederationConfig config;
  config.federation = root.text("federation");
  Section coordinator = root.section("coordinator", Section::Need::kRequired);
  config.coordinator = coordinator.name("name", "coordinator");
  config.hosts = coordinator.texts("hosts");
  if (coordinator.has("hosts") && config.hosts.empty())
    coordinator.fault("hosts", "name at least one, which the sites dial");
  config.port = coordinator.integer("port", {1, 65535}, config.port);
  config.sites = root.texts("sites");
  config.evaluators = root.texts("evaluators", std::vector<std::string>{});
  Section operators = root.section("operators", Section::Need::kRequired);
  for (const std::string& name : operators.names())
    config.operators[name] = operators.choice(name, roles);
  std::set<std::string> names = {config.coordinator};
  const auto check = [&](const char* key, const std::string& name) {
    if (!is_valid_name(name)) {
      root.fault(key, "'" + name + "' is no name: letters, digits, '.', '_', '-'");
    } else if (!names.insert(name).second) {
      root.fault(key, "'" + name + "' is there twice; a name is one party");
    }
  };
  for (const std::string& name : config.sites) check("sites", name);
  for (const std::string& name : config.evaluators) check("evaluators", name);
  for (const auto& [name, role] : config.operators) check("operators", name);
  TRIB_CHECK_OK(document->finish());
  return config;
}

}  // namespace tributary

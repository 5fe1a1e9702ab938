// SPDX-License-Identifier: Apache-2.0
#include "common/config/operator_file.h"

#include "common/config/file_kind.h"

namespace tributary {

Result<OperatorConfig> parse_operator_config(const std::string& text,
                                             const std::string& file_name) {
  TRIB_TRY(document, YamlDocument::parse(text, file_name));
  Section root = document->root();
  TRIB_CHECK_OK(refuse_other_kinds(FileKind::kOperator, root, *document));
  OperatorConfig config;
  config.coordinator = root.host_port("coordinator", {1, 65535});
  config.server_name = root.text("server_name", config.coordinator.host);
  config.tls = read_tls(root, file_name);
  TRIB_CHECK_OK(document->finish());
  return config;
}

}  // namespace tributary

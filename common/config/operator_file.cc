// SPDX-License-Identifier: Apache-2.0
#include "common/config/operator_file.h"

#include "common/config/file_kind.h"

namespace tributary {
namespace {

// Who comes with a token has neither certificate nor key.
TlsFiles read_operator_tls(Section& root, const std::string& file_name) {
  Section section = root.section("tls", Section::Need::kRequired);
  if (!section.present() || section.has("certificate") || section.has("key"))
    return read_tls(root, file_name);
  TlsFiles tls;
  tls.ca = resolve_path(section.text("ca"), file_name);
  tls.crl = resolve_path(section.text("crl", ""), file_name);
  return tls;
}

}  // namespace

Result<OperatorConfig> parse_operator_config(const std::string& text,
                                             const std::string& file_name) {
  TRIB_TRY(document, YamlDocument::parse(text, file_name));
  Section root = document->root();
  TRIB_CHECK_OK(refuse_other_kinds(FileKind::kOperator, root, *document));
  OperatorConfig config;
  config.coordinator = root.host_port("coordinator", {1, 65535});
  config.server_name = root.text("server_name", config.coordinator.host);
  config.tls = read_operator_tls(root, file_name);
  config.bearer_file = resolve_path(root.text("bearer_file", ""), file_name);
  if (!config.bearer_file.empty() && !config.tls.certificate.empty()) {
    root.fault("bearer_file",
               "an operator comes with a certificate or with a token: leave out certificate and "
               "key, or this");
  }
  TRIB_CHECK_OK(document->finish());
  return config;
}

}  // namespace tributary

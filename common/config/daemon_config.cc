// SPDX-License-Identifier: Apache-2.0
#include "common/config/daemon_config.h"

#include <filesystem>

#include "common/crypto/token_uri.h"

namespace tributary {

EventLogOptions read_log(Section& root, const std::string& file_name) {
  EventLogOptions log;
  Section section = root.section("log", Section::Need::kOptional);
  const std::string level = section.choice("level", {"debug", "info", "warn", "error"}, "info");
  log.level = event_level_from_name(level).value_or(EventLevel::kInfo);
  log.file = resolve_path(section.text("file", ""), file_name);
  log.json_on_stderr = section.choice("format", {"text", "json"}, "text") == "json";
  return log;
}

TlsFiles read_tls(Section& root, const std::string& file_name) {
  Section section = root.section("tls", Section::Need::kRequired);
  TlsFiles tls;
  tls.certificate = resolve_path(section.text("certificate"), file_name);
  tls.key = section.text("key");
  if (!is_token_uri(tls.key)) tls.key = resolve_path(tls.key, file_name);
  tls.ca = resolve_path(section.text("ca"), file_name);
  tls.crl = resolve_path(section.text("crl", ""), file_name);
  return tls;
}

std::string resolve_path(const std::string& path, const std::string& file_name) {
  if (path.empty()) return path;
  return (std::filesystem::path(file_name).parent_path() / path).lexically_normal().string();
}

}  // namespace tributary

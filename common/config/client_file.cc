// SPDX-License-Identifier: Apache-2.0
#include "common/config/client_file.h"

#include <algorithm>

#include "common/base/ids.h"
#include "common/config/catalog.h"

namespace tributary {
namespace {

void resolve_paths(PluginChoice& loader, const std::string& file_name) {
  const auto schema = std::ranges::find(data_loaders(), loader.name, &PluginSchema::name);
  if (schema == data_loaders().end()) return;
  for (const OptionSchema& option : schema->options) {
    if (option.type != OptionType::kPath) continue;
    auto& path = std::get<std::string>(loader.options[option.name]);
    path = resolve_path(path, file_name);
  }
}

std::map<std::string, PluginChoice> read_datasets(Section& root, const std::string& file_name) {
  std::map<std::string, PluginChoice> found;
  Section datasets = root.section("datasets", Section::Need::kRequired);
  for (const auto& [name, section] : root.entries("datasets")) {
    if (!is_valid_name(name)) root.fault("datasets", "'" + name + "' is no name of a dataset");
    PluginChoice loader = read_plugin(datasets, name, "loader", data_loaders());
    if (loader.options.contains("path") || loader.options.contains("images"))
      resolve_paths(loader, file_name);
    found[name] = std::move(loader);
  }
  return found;
}

}  // namespace

Result<std::map<std::string, PluginChoice>> parse_datasets(const std::string& text,
                                                           const std::string& file_name) {
  TRIB_TRY(document, YamlDocument::parse(text, file_name));
  Section root = document->root();
  std::map<std::string, PluginChoice> datasets = read_datasets(root, file_name);
  root.ignore_rest();
  TRIB_CHECK_OK(document->finish());
  return datasets;
}

Result<ClientConfig> parse_client_config(const std::string& text, const std::string& file_name) {
  TRIB_TRY(document, YamlDocument::parse(text, file_name));
  Section root = document->root();
  ClientConfig config;
  config.coordinator = root.host_port("coordinator", {1, 65535});
  config.server_name = root.text("server_name", config.coordinator.host);
  config.state_dir = resolve_path(root.text("state_dir"), file_name);
  config.tls = read_tls(root, file_name);
  config.datasets = read_datasets(root, file_name);
  config.log = read_log(root, file_name);
  config.threads = root.integer("threads", {1, 1024}, 1);
  TRIB_CHECK_OK(document->finish());
  return config;
}

}  // namespace tributary

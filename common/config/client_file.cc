// SPDX-License-Identifier: Apache-2.0
#include "common/config/client_file.h"

#include <algorithm>

#include "common/config/catalog.h"
#include "common/config/file_kind.h"

namespace tributary {
namespace {

void resolve_paths(PluginChoice& loader, const std::string& file_name) {
  const auto schema = std::ranges::find(data_loaders(), loader.name, &PluginSchema::name);
  if (schema == data_loaders().end()) return;
  for (const OptionSchema& option : schema->options) {
    if (option.type != OptionType::kPath) continue;
    const auto written = loader.options.find(option.name);
    if (written == loader.options.end()) continue;  // a required one is missing, and that is told
    auto& path = std::get<std::string>(written->second);
    path = resolve_path(path, file_name);
  }
}

std::map<std::string, PluginChoice> read_datasets(Section& root, const std::string& file_name) {
  std::map<std::string, PluginChoice> found;
  Section datasets = root.section("datasets", Section::Need::kRequired);
  for (const std::string& name : datasets.names()) {
    PluginChoice loader = read_plugin(datasets, name, "loader", data_loaders());
    resolve_paths(loader, file_name);
    found[name] = std::move(loader);
  }
  return found;
}

}  // namespace

std::vector<std::string> dataset_names(const ClientConfig& config) {
  std::vector<std::string> names;
  for (const auto& [name, loader] : config.datasets) names.push_back(name);
  return names;
}

Result<std::map<std::string, PluginChoice>> parse_datasets(const std::string& text,
                                                           const std::string& file_name) {
  TRIB_TRY(document, YamlDocument::parse(text, file_name));
  Section root = document->root();
  TRIB_CHECK_OK(refuse_other_kinds(FileKind::kClient, root, *document));
  std::map<std::string, PluginChoice> datasets = read_datasets(root, file_name);
  root.ignore_rest();
  TRIB_CHECK_OK(document->finish());
  return datasets;
}

Result<ClientConfig> parse_client_config(const std::string& text, const std::string& file_name) {
  TRIB_TRY(document, YamlDocument::parse(text, file_name));
  Section root = document->root();
  TRIB_CHECK_OK(refuse_other_kinds(FileKind::kClient, root, *document));
  ClientConfig config;
  config.coordinator = root.host_port("coordinator", {1, 65535});
  config.server_name = root.text("server_name", config.coordinator.host);
  config.state_dir = resolve_path(root.text("state_dir"), file_name);
  config.tls = read_tls(root, file_name);
  config.datasets = read_datasets(root, file_name);
  config.policy_file = resolve_path(root.text("policy", "policy.yaml"), file_name);
  config.log = read_log(root, file_name);
  config.threads = root.integer("threads", {1, 1024}, 1);
  config.device = root.choice("device", {"auto", "cpu", "cuda"}, "auto");
  config.memory_for_rows =
      root.byte_size("memory_for_rows", {0, static_cast<std::int64_t>(limits::kDatasetBytesMax)},
                     limits::kRowsInMemoryMax);
  config.checkpoint_every_ms =
      root.duration_ms("checkpoint_every", {0, limits::kWaitMaxMs}, 60'000);
  TRIB_CHECK_OK(document->finish());
  return config;
}

}  // namespace tributary

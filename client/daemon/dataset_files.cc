// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/dataset_files.h"

#include <algorithm>
#include <filesystem>

#include "common/cli/named_file.h"
#include "common/config/catalog.h"
#include "common/storage/file_system.h"

namespace tributary {
namespace {

Status check_readable(const std::string& path) {
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed)) {
    const std::filesystem::directory_iterator listed(path, failed);
    return failed ? system_error(failed.value(), "read the folder") : Status{};
  }
  const auto file = make_file_system()->open(path);
  if (!file) return file.error();
  std::byte first;
  return (*file)->size() == 0 ? Status{} : (*file)->read_at(0, {&first, 1});
}

}  // namespace

Status check_dataset_files(const std::string& name, const PluginChoice& dataset) {
  const auto loader = std::ranges::find(data_loaders(), dataset.name, &PluginSchema::name);
  for (const OptionSchema& option : loader->options) {
    const auto value = dataset.options.find(option.name);
    if (option.type != OptionType::kPath || value == dataset.options.end()) continue;
    const auto& path = std::get<std::string>(value->second);
    if (path.empty()) continue;
    if (Status readable = check_readable(path); !readable)
      return fault_of_named(path, std::move(readable).error()).with_context("dataset " + name);
  }
  return {};
}

void tell_missing_files(const ClientConfig& config, EventLog& log) {
  for (const auto& [name, dataset] : config.datasets) {
    if (const Status there = check_dataset_files(name, dataset); !there)
      log.record("dataset.unreadable", {{"dataset", name}, {"detail", there.error().message}});
  }
}

}  // namespace tributary

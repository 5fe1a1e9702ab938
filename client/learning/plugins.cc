// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "client/learning/algorithm.h"
#include "client/learning/family.h"

namespace tributary {
namespace {

template <typename Plugin>
Result<const Plugin*> find(std::span<const Plugin* const> table, std::string_view kind,
                           std::string_view name) {
  std::string known;
  for (const Plugin* plugin : table) {
    if (plugin->name == name) return plugin;
    known += (known.empty() ? "" : ", ") + std::string(plugin->name);
  }
  return make_error(ErrorCode::kInvalidArgument, "there is no " + std::string(kind) + " '" +
                                                     std::string(name) +
                                                     "' in this client; it knows: " + known);
}

}  // namespace

Result<const ModelFamily*> find_family(std::string_view name) {
  return find(family_table(), "model family", name);
}

Result<const ClientAlgorithm*> find_algorithm(std::string_view name) {
  return find(algorithm_table(), "client algorithm", name);
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Keys of a file that nobody asked for, and which faults they explain.
#include <set>
#include <utility>

#include "common/base/text.h"
#include "common/config/suggest.h"
#include "common/config/yaml_tree.h"

namespace tributary {
namespace {

struct Unread {
  std::vector<ConfigFault> faults;
  std::set<std::string> meant;  // paths of absent keys that misspelt ones stand for
};

void collect_unread(const YamlNode& node, const std::string& path, Unread& found) {
  if (node.closed) return;
  const std::string prefix = path.empty() ? "" : path + ".";
  std::vector<std::pair<ConfigFault, bool>> faults;  // and whether the key is a misspelt one
  bool misspelt = false;
  for (const YamlEntry& entry : node.entries) {
    const std::string here = prefix + escaped(entry.key.substr(0, 80));
    if (entry.used) {
      collect_unread(entry.value, here, found);
      continue;
    }
    const auto meant = nearest_word(entry.key, node.known);
    const bool absent = meant && !node.index.contains(*meant);
    if (absent) found.meant.insert(prefix + *meant);
    misspelt = misspelt || absent;
    faults.push_back(
        {{entry.place, here, "unknown key " + quoted(entry.key) + suggest(entry.key, node.known)},
         meant.has_value()});
  }
  // Others may be unknown only because the misspelt one, on which they depend, was not read.
  for (auto& [fault, near] : faults) {
    if (near || !misspelt) found.faults.push_back(std::move(fault));
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    collect_unread(node.items[i], path + "[" + std::to_string(i) + "]", found);
  }
}

}  // namespace

std::vector<ConfigFault> with_unread_keys(const YamlNode& root, std::vector<ConfigFault> faults) {
  Unread unread;
  collect_unread(root, "", unread);
  std::erase_if(faults,
                [&](const ConfigFault& fault) { return unread.meant.contains(fault.path); });
  faults.insert(faults.end(), unread.faults.begin(), unread.faults.end());
  return faults;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// The tree of a YAML text, with the place of every value; inside this room only. Made by
// yaml_parse.cc, read by yaml_reader.cc. One thread at a time.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace tributary {

struct Place {
  int line = 1;  // both count from 1
  int column = 1;
};

struct YamlEntry;

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  Place place;
  std::string scalar;
  bool in_quotes = false;                                 // "5" is a text and never a number
  std::vector<YamlNode> items;                            // of a list
  std::vector<YamlEntry> entries;                         // of a map, in the file's order
  std::map<std::string, std::size_t, std::less<>> index;  // of a map: key to entry

  // For the reader: what was asked for, and that nothing below needs a look any more.
  std::vector<std::string> known;
  bool closed = false;
};

struct YamlEntry {
  std::string key;
  Place place;
  YamlNode value;
  bool used = false;
};

struct ConfigFault {
  Place place;
  std::string path;  // "train.optimizer.lernrate"
  std::string text;
};

// Refuses what is not one YAML document of plain maps, lists and scalars within the limits;
// `faults` takes what does not stop the reading (duplicate keys). The error is "LINE:COLUMN: what".
Result<YamlNode> parse_yaml(const std::string& text, std::vector<ConfigFault>& faults);

// `faults` and those of the keys that nobody asked for, less what only follows from a misspelt key.
std::vector<ConfigFault> with_unread_keys(const YamlNode& root, std::vector<ConfigFault> faults);

}  // namespace tributary

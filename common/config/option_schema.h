// SPDX-License-Identifier: Apache-2.0
// What may be written about a plug-in: its name, its options with type, range, default and help.
// Constants, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/yaml_reader.h"
#include "common/domain/job_spec.h"

namespace tributary {

enum class OptionType { kFlag, kInteger, kNumber, kText, kChoice, kPath, kIntegers, kTexts };

struct OptionSchema {
  std::string name;
  OptionType type = OptionType::kText;
  std::optional<OptionValue> fallback;  // none: required
  std::string help;
  IntegerRange integers = {};
  NumberRange numbers = {};
  std::vector<std::string> choices = {};
};

// How many updates an aggregation rule wants to see together; the rest of the job has to go with
// it.
struct UpdatesNeeded {
  bool together = false;  // not one by one as they come
  // At least for_each * byzantine + beside of them, byzantine being the option of that name.
  std::int64_t for_each = 0;
  std::int64_t beside = 1;
};

// What a client algorithm wants of the rest of the job.
struct AlgorithmNeeds {
  bool server = false;  // has a half at the server: it works on the weighted mean of one round
  bool exact = false;   // its updates hold what no encoding may round
  bool sgd = false;     // its formula is that of plain gradient steps
};

// What an augmentation wants of the rows.
struct AugmentationNeeds {
  bool pictures = false;    // [channels, height, width]
  bool series = false;      // [steps, features]
  bool mixes = false;       // makes of several rows one, and of their labels
  bool whole_rows = false;  // each row has one class
};

struct PluginSchema {
  std::string name;
  std::string help;
  std::vector<OptionSchema> options;
  UpdatesNeeded updates = {};
  AlgorithmNeeds algorithm = {};
  AugmentationNeeds augmentation = {};
};

// Reads `key` of `parent`: a plug-in's name alone, or a map with its name under `name_key` and its
// options beside it. An absent key gives `fallback` with its defaults, or a fault where there is
// none. Faults name the nearest known word.
PluginChoice read_plugin(Section& parent, std::string_view key, std::string_view name_key,
                         const std::vector<PluginSchema>& known,
                         std::optional<std::string> fallback = {});

// A list of plug-ins, each written as above; an absent key gives none.
std::vector<PluginChoice> read_plugins(Section& parent, std::string_view key,
                                       std::string_view name_key,
                                       const std::vector<PluginSchema>& known);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// The options of plug-ins, one off its default at a time.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "tests/support/plugin_choice.h"

namespace tributary {

// Each other value of a choice or flag, and one number off the usual one.
inline std::vector<OptionValue> others_of(const OptionSchema& option, const OptionValue& usual) {
  std::vector<OptionValue> values;
  if (option.type == OptionType::kChoice) {
    for (const std::string& word : option.choices) {
      if (OptionValue(word) != usual) values.emplace_back(word);
    }
  }
  if (const auto* flag = std::get_if<bool>(&usual)) values.emplace_back(!*flag);
  if (const auto* integer = std::get_if<std::int64_t>(&usual)) values.emplace_back(*integer + 1);
  if (const auto* number = std::get_if<double>(&usual)) {
    values.emplace_back(*number + 0.25 < option.numbers.max ? *number + 0.25 : *number - 0.25);
  }
  if (auto sizes = std::get_if<std::vector<std::int64_t>>(&usual)) {
    std::vector<std::int64_t> wider = *sizes;
    for (std::int64_t& size : wider) ++size;
    values.emplace_back(std::move(wider));
  }
  return values;
}

// Calls `check` with the plug-in and its defaults, and with the same but for one option.
inline void for_every_option(
    const std::vector<PluginSchema>& plugins,
    const std::function<void(const PluginChoice& usual, const PluginChoice& other)>& check) {
  for (const PluginSchema& plugin : plugins) {
    for (const OptionSchema& option : plugin.options) {
      PluginChoice usual = choose(plugins, plugin.name);
      if (option.name == "nesterov") usual.options["momentum"] = 0.5;  // or there is nothing to see
      if (option.name == "iterations")
        usual.options["iterations"] = std::int64_t{1};  // not done yet
      if (option.name == "groups") {  // of the norm that has some; both values divide 72
        usual.options["norm"] = std::string("group");
        usual.options["channels"] = std::vector<std::int64_t>{72};
      }
      if (usual.options.contains("heads")) {  // divide the width, before and after
        usual.options["width"] = std::int64_t{20};
        if (option.name == "width") usual.options["heads"] = std::int64_t{1};
      }
      if (plugin.name == "rnn" && option.name == "width")
        usual.options["vocabulary"] = std::int64_t{50};  // of whose ids it is
      if (usual.options.contains("code") && option.name == "channels")
        usual.options["channels"] = std::vector<std::int64_t>{4};
      if (plugin.name == "resnet")
        usual.options["width"] = std::int64_t{4};  // for the time it takes
      if (!option.fallback) continue;
      for (const OptionValue& value : others_of(option, usual.options.at(option.name))) {
        SCOPED_TRACE(plugin.name + "." + option.name);
        PluginChoice other = usual;
        other.options[option.name] = value;
        check(usual, other);
      }
    }
  }
}

}  // namespace tributary

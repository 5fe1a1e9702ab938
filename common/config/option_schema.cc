// SPDX-License-Identifier: Apache-2.0
#include "common/config/option_schema.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/config/suggest.h"

namespace tributary {
namespace {

template <typename T>
std::optional<T> fallback_of(const OptionSchema& option) {
  if (!option.fallback) return std::nullopt;
  return std::get<T>(*option.fallback);
}

OptionValue read_option(Section& from, const OptionSchema& option) {
  switch (option.type) {
    case OptionType::kFlag:
      return from.flag(option.name, fallback_of<bool>(option));
    case OptionType::kInteger:
      return from.integer(option.name, option.integers, fallback_of<std::int64_t>(option));
    case OptionType::kNumber:
      return from.number(option.name, option.numbers, fallback_of<double>(option));
    case OptionType::kText:
    case OptionType::kPath:
      return from.text(option.name, fallback_of<std::string>(option));
    case OptionType::kChoice:
      return from.choice(option.name, option.choices, fallback_of<std::string>(option));
    case OptionType::kIntegers:
      return from.integers(option.name, option.integers,
                           fallback_of<std::vector<std::int64_t>>(option));
    case OptionType::kTexts:
      return from.texts(option.name, fallback_of<std::vector<std::string>>(option));
  }
  return {};
}

std::vector<std::string> names_of(const std::vector<PluginSchema>& known) {
  std::vector<std::string> names;
  for (const PluginSchema& plugin : known) names.push_back(plugin.name);
  return names;
}

// Of a plug-in that was named in `section` or, by its name alone, at `key` of `parent`.
void read_options(PluginChoice& choice, const std::vector<PluginSchema>& known, Section* section,
                  Section& parent, std::string_view key) {
  const auto plugin = std::ranges::find(known, choice.name, &PluginSchema::name);
  if (plugin == known.end()) {
    if (section != nullptr) section->ignore_rest();
    return;
  }
  for (const OptionSchema& option : plugin->options) {
    if (section != nullptr) {
      choice.options[option.name] = read_option(*section, option);
    } else if (option.fallback) {
      choice.options[option.name] = *option.fallback;
    } else {
      parent.fault(key,
                   choice.name + " needs the option '" + option.name + "' (" + option.help + ")");
    }
  }
}

}  // namespace

PluginChoice read_plugin(Section& parent, std::string_view key, std::string_view name_key,
                         const std::vector<PluginSchema>& known,
                         std::optional<std::string> fallback) {
  PluginChoice choice;
  // A plug-in by its name alone has no section; its options are all defaults.
  std::optional<Section> section;
  if (parent.is_word(key) || (!parent.has(key) && fallback)) {
    choice.name = parent.choice(key, names_of(known), fallback);
  } else {
    section = parent.section(key, Section::Need::kRequired);
    if (section->present()) choice.name = section->choice(name_key, names_of(known));
  }
  read_options(choice, known, section ? &*section : nullptr, parent, key);
  return choice;
}

std::vector<PluginChoice> read_plugins(Section& parent, std::string_view key,
                                       std::string_view name_key,
                                       const std::vector<PluginSchema>& known) {
  std::vector<PluginChoice> chosen;
  if (!parent.has(key)) return chosen;
  const std::vector<std::string> names = names_of(known);
  for (Section::Item& item : parent.items(key)) {
    PluginChoice& choice = chosen.emplace_back();
    if (!item.word) {
      choice.name = item.section.choice(name_key, names);
    } else if (std::ranges::find(names, *item.word) != names.end()) {
      choice.name = *item.word;
    } else {
      parent.fault(key, "unknown value " + quoted(*item.word) + suggest(*item.word, names));
    }
    read_options(choice, known, item.word ? nullptr : &item.section, parent, key);
  }
  return chosen;
}

}  // namespace tributary

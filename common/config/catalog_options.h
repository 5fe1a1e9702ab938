// SPDX-License-Identifier: Apache-2.0
// Options in few words, for the lists of the catalog; inside this room only. Plain functions, any
// thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/config/catalog.h"

namespace tributary::catalog {

using Integers = std::vector<std::int64_t>;
using Texts = std::vector<std::string>;

inline OptionSchema integer(std::string name, IntegerRange range, std::int64_t fallback,
                            std::string help) {
  return {std::move(name), OptionType::kInteger, OptionValue{fallback}, std::move(help), range};
}
inline OptionSchema number(std::string name, NumberRange range, std::optional<double> fallback,
                           std::string help) {
  OptionSchema option{std::move(name), OptionType::kNumber, {}, std::move(help), {}, range};
  if (fallback) option.fallback = OptionValue{*fallback};
  return option;
}
inline OptionSchema flag(std::string name, bool fallback, std::string help) {
  return {std::move(name), OptionType::kFlag, OptionValue{fallback}, std::move(help)};
}
inline OptionSchema choice(std::string name, Texts choices, std::string fallback,
                           std::string help) {
  return {std::move(name),
          OptionType::kChoice,
          OptionValue{std::move(fallback)},
          std::move(help),
          {},
          {},
          std::move(choices)};
}
inline OptionSchema sizes(std::string name, Integers fallback, std::string help) {
  return {std::move(name),
          OptionType::kIntegers,
          OptionValue{std::move(fallback)},
          std::move(help),
          {1, 1'000'000}};
}
inline OptionSchema path(std::string name, std::optional<std::string> fallback, std::string help) {
  OptionSchema option{std::move(name), OptionType::kPath, {}, std::move(help)};
  if (fallback) option.fallback = OptionValue{*std::move(fallback)};
  return option;
}
inline OptionSchema text(std::string name, std::string fallback, std::string help) {
  return {std::move(name), OptionType::kText, OptionValue{std::move(fallback)}, std::move(help)};
}
inline OptionSchema required_text(std::string name, std::string help) {
  return {std::move(name), OptionType::kText, {}, std::move(help)};
}
inline OptionSchema texts(std::string name, Texts fallback, std::string help) {
  return {std::move(name), OptionType::kTexts, OptionValue{std::move(fallback)}, std::move(help)};
}

inline constexpr NumberRange kPositive{.min = 0.0, .above_min = true};
inline constexpr NumberRange kNotNegative{.min = 0.0};
inline constexpr NumberRange kShare{.min = 0.0, .max = 1.0, .above_min = true, .below_max = true};
inline constexpr NumberRange kBelowOne{.min = 0.0, .max = 1.0, .below_max = true};

// Of an optimiser, at a site or at the coordinator.
inline OptionSchema rate(double fallback) {
  return number("learning_rate", kPositive, fallback,
                "step size; smaller where the loss jumps, larger where it creeps");
}

}  // namespace tributary::catalog

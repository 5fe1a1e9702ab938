// SPDX-License-Identifier: Apache-2.0
// Attack: a plug-in that makes the update of a hostile site in a simulation. A pure function of
// what the attacker knows; it sends nothing and reads no file. Factories are constants, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random_source.h"
#include "common/base/result.h"
#include "common/config/option_schema.h"

namespace tributary {

// What an attacker knows when it makes its update of a round. Updates are local - global, all of
// one size.
struct AttackerView {
  const OptionMap& options;
  std::span<const float> own;                      // that it trained in this round
  std::span<const float> first;                    // that it trained in its first round
  std::span<const std::span<const float>> honest;  // of the round's honest sites; one at least
  std::size_t attackers;                           // of the round
  RandomSource& random;

  std::size_t sites() const { return honest.size() + attackers; }
};

// What it sends: starts as the update that it trained.
struct SentUpdate {
  std::vector<float> values;
  bool under_first_task = false;  // as the answer to its first round's task, not to this one's
};

struct Attack {
  PluginSchema schema;
  std::string_view source;                                              // the paper
  bool flips_labels = false;                                            // trains on y -> C - 1 - y
  void (*forge)(const AttackerView& view, SentUpdate& sent) = nullptr;  // none: sends as trained
  std::int64_t (*claimed_rows)(const OptionMap& options) = nullptr;     // none: those it has
};

std::span<const Attack* const> attack_table();  // generated

struct ChosenAttack {
  const Attack* attack = nullptr;
  OptionMap options;
};
// Of a command line: NAME, or a map as job files have it, {name: NAME, option: value}.
Result<ChosenAttack> parse_attack(const std::string& text);

// An option that is a number.
OptionSchema attack_number(std::string name, NumberRange range, double fallback, std::string help);

}  // namespace tributary

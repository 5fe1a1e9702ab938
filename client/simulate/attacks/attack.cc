// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/attacks/attack.h"

namespace tributary {

Result<ChosenAttack> parse_attack(const std::string& text) {
  TRIB_TRY(document, YamlDocument::parse("attack: " + text + "\n", "--attack"));
  std::vector<PluginSchema> schemas;
  for (const Attack* attack : attack_table()) schemas.push_back(attack->schema);
  Section root = document->root();
  PluginChoice choice = read_plugin(root, "attack", "name", schemas);
  TRIB_CHECK_OK(document->finish());
  for (const Attack* attack : attack_table()) {
    if (attack->schema.name == choice.name) return ChosenAttack{attack, std::move(choice.options)};
  }
  return make_error(ErrorCode::kInvalidArgument, "no attack '" + choice.name + "'");
}

OptionSchema attack_number(std::string name, NumberRange range, double fallback, std::string help) {
  return {std::move(name), OptionType::kNumber, OptionValue{fallback}, std::move(help), {}, range};
}

}  // namespace tributary

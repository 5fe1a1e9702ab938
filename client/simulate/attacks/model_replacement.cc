// SPDX-License-Identifier: Apache-2.0
// Model replacement: an update scaled so that the mean of the round becomes the attacker's model.
// Several attackers share the work.
#include "client/simulate/attacks/attack.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

void forge(const AttackerView& view, SentUpdate& sent) {
  const double factor = static_cast<double>(view.sites()) /
                        (option<double>(view.options, "eta") * static_cast<double>(view.attackers));
  for (float& value : sent.values) value = static_cast<float>(factor * static_cast<double>(value));
}

}  // namespace

const Attack& model_replacement_attack() {
  static const Attack kAttack{
      {"model_replacement",
       "Trains on flipped labels and sends n / eta times its update, so that its model becomes the "
       "global one",
       {attack_number("eta", {.min = 0.0, .above_min = true}, 1.0,
                      "learning rate of the server; n: sites of the round")}},
      "Bagdasaryan et al. 2018",
      true,
      &forge};
  return kAttack;
}

}  // namespace tributary

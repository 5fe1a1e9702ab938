// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/attacks/attack.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

void forge(const AttackerView& view, SentUpdate& sent) {
  const double scale = option<double>(view.options, "scale");
  for (float& value : sent.values) value = static_cast<float>(-scale * static_cast<double>(value));
}

}  // namespace

const Attack& sign_flip_attack() {
  static const Attack kAttack{
      {"sign_flip",
       "Sends -scale times its honest update",
       {attack_number("scale", {.min = 0.0, .above_min = true}, 1.0, "1: only the sign")}},
      "Li et al. 2019 (RSA)",
      false,
      &forge};
  return kAttack;
}

}  // namespace tributary

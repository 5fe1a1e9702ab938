// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/attacks/attack.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

void forge(const AttackerView& view, SentUpdate& sent) {
  const double deviation = option<double>(view.options, "deviation");
  for (float& value : sent.values) value = static_cast<float>(deviation * view.random.normal());
}

}  // namespace

const Attack& gaussian_noise_attack() {
  static const Attack kAttack{{"gaussian_noise",
                               "Sends normal noise with mean 0 instead of an update",
                               {attack_number("deviation", {.min = 0.0, .above_min = true}, 1.0,
                                              "of each value; honest updates are far below 1")}},
                              "Blanchard et al. 2017",
                              false,
                              &forge};
  return kAttack;
}

}  // namespace tributary

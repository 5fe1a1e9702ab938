// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/attacks/attack.h"

namespace tributary {

const Attack& label_flip_attack() {
  static const Attack kAttack{
      {"label_flip", "Trains on flipped labels, y -> C - 1 - y, and sends what comes of it", {}},
      "Fang et al. 2020",
      true};
  return kAttack;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Inner product manipulation: what is joined points away from the honest mean.
#include "client/simulate/attacks/attack.h"
#include "client/simulate/attacks/honest_updates.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

void forge(const AttackerView& view, SentUpdate& sent) {
  const double epsilon = option<double>(view.options, "epsilon");
  const std::vector<double> mean = mean_of(view.honest);
  for (std::size_t i = 0; i < mean.size(); ++i)
    sent.values[i] = static_cast<float>(-epsilon * mean[i]);
}

}  // namespace

const Attack& ipm_attack() {
  static const Attack kAttack{
      {"ipm",
       "Sends -epsilon times the mean of the honest updates",
       {attack_number("epsilon", {.min = 0.0, .above_min = true}, 0.5,
                      "below 1 against rules that look at distances, above against means")}},
      "Xie et al. 2020",
      false,
      &forge};
  return kAttack;
}

}  // namespace tributary

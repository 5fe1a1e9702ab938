// SPDX-License-Identifier: Apache-2.0
// "A little is enough": within the spread of the honest updates, and yet enough to turn the mean.
#include "client/simulate/attacks/alie.h"

#include <cmath>
#include <numbers>

#include "client/simulate/attacks/attack.h"
#include "client/simulate/attacks/honest_updates.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

double normal_below(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

// Of a probability from 1/2 to below 1.
double normal_quantile(double probability) {
  double low = 0.0, high = 9.0;  // beyond it a double has no probability below 1
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2.0;
    (normal_below(middle) < probability ? low : high) = middle;
  }
  return low;
}

void forge(const AttackerView& view, SentUpdate& sent) {
  const double wanted = option<double>(view.options, "z");
  const double z = wanted > 0.0 ? wanted : alie_z(view.sites(), view.attackers);
  const std::vector<double> mean = mean_of(view.honest);
  const std::vector<double> deviations = deviations_of(view.honest, mean);
  for (std::size_t i = 0; i < mean.size(); ++i)
    sent.values[i] = static_cast<float>(mean[i] - z * deviations[i]);
}

}  // namespace

double alie_z(std::size_t sites, std::size_t attackers) {
  const std::size_t majority = sites / 2 + 1;
  const double lacking = majority > attackers ? static_cast<double>(majority - attackers) : 1.0;
  const auto honest = static_cast<double>(sites - attackers);
  const double probability = (honest - lacking) / honest;
  return probability > 0.5 ? normal_quantile(probability) : 0.0;
}

const Attack& alie_attack() {
  static const Attack kAttack{
      {"alie",
       "Sends mean - z * deviation of the honest updates, value by value: a little is enough",
       {attack_number("z", {.min = 0.0}, 0.0,
                      "0: the largest that hides, from the number of sites and attackers")}},
      "Baruch et al. 2019",
      false,
      &forge};
  return kAttack;
}

}  // namespace tributary

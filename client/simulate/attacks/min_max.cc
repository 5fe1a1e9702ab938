// SPDX-License-Identifier: Apache-2.0
// Min-Max: as far from the honest mean as no honest update would notice, mean + gamma * direction
// with the largest gamma for which no honest update is farther away than two of them are from each
// other. The paper finds gamma by bisection; here it is the root of a quadratic equation for each
// honest update.
#include <algorithm>
#include <cmath>
#include <limits>

#include "client/simulate/attacks/attack.h"
#include "client/simulate/attacks/honest_updates.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

std::vector<double> direction_of(const std::string& name, HonestUpdates honest,
                                 const std::vector<double>& mean) {
  if (name == "deviation") {
    std::vector<double> direction = deviations_of(honest, mean);
    for (double& value : direction) value = -value;
    return direction;
  }
  std::vector<double> direction = mean;
  double squares = 0.0;
  for (const double value : mean) squares += value * value;
  const double length = squares > 0.0 ? std::sqrt(squares) : 1.0;
  for (double& value : direction) {
    value = name == "sign" ? (value > 0.0 ? -1.0 : value < 0.0 ? 1.0 : 0.0) : -value / length;
  }
  return direction;
}

double largest_squared_distance(HonestUpdates honest) {
  double largest = 0.0;
  for (std::size_t i = 0; i < honest.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j)
      largest = std::max(largest, squared_distance(honest[i], honest[j]));
  }
  return largest;
}

// |mean + gamma * direction - x|^2 <= limit for each honest x.
double largest_gamma(HonestUpdates honest, const std::vector<double>& mean,
                     const std::vector<double>& direction) {
  const double limit = largest_squared_distance(honest);
  double a = 0.0;
  for (const double value : direction) a += value * value;
  if (a == 0.0) return 0.0;
  double gamma = std::numeric_limits<double>::max();
  for (const auto& update : honest) {
    double b = 0.0, c = -limit;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double off = mean[i] - static_cast<double>(update[i]);
      b += direction[i] * off;
      c += off * off;
    }
    gamma = std::min(gamma, (-b + std::sqrt(std::max(b * b - a * c, 0.0))) / a);
  }
  return std::max(gamma, 0.0);
}

void forge(const AttackerView& view, SentUpdate& sent) {
  const std::vector<double> mean = mean_of(view.honest);
  const auto direction =
      direction_of(option<std::string>(view.options, "direction"), view.honest, mean);
  const double gamma = largest_gamma(view.honest, mean, direction);
  for (std::size_t i = 0; i < mean.size(); ++i)
    sent.values[i] = static_cast<float>(mean[i] + gamma * direction[i]);
}

}  // namespace

const Attack& min_max_attack() {
  static const Attack kAttack{
      {"min_max",
       "Sends mean + gamma * direction, as far off as the honest updates are from each other",
       {{"direction",
         OptionType::kChoice,
         OptionValue{std::string("deviation")},
         "deviation: against it in each value; unit: against the mean; sign: against its signs",
         {},
         {},
         {"deviation", "unit", "sign"}}}},
      "Shejwalkar and Houmansadr 2021",
      false,
      &forge};
  return kAttack;
}

}  // namespace tributary

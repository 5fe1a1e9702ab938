// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sharing_plan.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace tributary {
namespace {

constexpr double kSecurityBits = 40;
constexpr double kCorrectnessBits = 20;
// Shares of clients are told in decimals: 0.1 of 300 is 30, and not 29.99.
constexpr double kWhole = 1e-9;

double log_choose(double n, double k) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
}

// How many of `marked` among `all` are among `drawn` that are drawn without putting back.
struct Hypergeometric {
  double all = 0, marked = 0, drawn = 0;

  double mass(double x) const {
    if (x > marked || drawn - x > all - marked) return 0;
    return std::exp(log_choose(marked, x) + log_choose(all - marked, drawn - x) -
                    log_choose(all, drawn));
  }
  // The smallest x that is exceeded with at most that probability.
  double exceeded_with(double probability) const {
    double above = 0, x = std::min(marked, drawn);
    for (; x > 0; --x) {
      above += mass(x);
      if (above > probability) return x;
    }
    return 0;
  }
  // The smallest x that is reached from below with at least that probability.
  double quantile(double probability) const {
    double below = 0;
    for (double x = 0; x < drawn; ++x) {
      below += mass(x);
      if (below >= probability) return x;
    }
    return drawn;
  }
};

struct Clients {
  double all, adversarial, dropouts;
};

Clients counted(std::uint32_t clients, const CohortRisks& risks) {
  const auto n = static_cast<double>(clients);
  return {n, std::floor(risks.adversarial * n + kWhole), std::floor(risks.dropout * n + kWhole)};
}

// Whether those who are left are connected, but by a chance of 2^-40.
bool stays_connected(const Clients& clients, double degree) {
  const double n = clients.all, lost = clients.adversarial + clients.dropouts;
  if (degree > lost) return true;
  const double log_chance = std::log(n) + std::log(n - degree - 1) - std::numbers::ln2 +
                            std::lgamma(lost + 1) + std::lgamma(n - degree + 1) -
                            std::lgamma(n + 1) - std::lgamma(lost - degree + 1);
  return log_chance < -(kSecurityBits + 1) * std::numbers::ln2;
}

Status check(std::uint32_t clients, const CohortRisks& risks) {
  const auto is_share = [](double value) { return value >= 0 && value < 1; };
  if (clients < 3) {
    return make_error(ErrorCode::kInvalidArgument,
                      "a sum of " + std::to_string(clients) +
                          " clients tells each of them the others'; there have to be 3");
  }
  if (!is_share(risks.adversarial) || !is_share(risks.dropout))
    return make_error(ErrorCode::kInvalidArgument, "shares of clients are from 0 to below 1");
  return {};
}

Error too_many() {
  return make_error(ErrorCode::kFailedPrecondition,
                    "so many clients may lie (adversarial) and so many go away (dropout) that no "
                    "number of shares holds against both: make one smaller, or take more clients");
}

}  // namespace

std::uint32_t adversaries_of(std::uint32_t clients, const CohortRisks& risks) {
  return static_cast<std::uint32_t>(counted(clients, risks).adversarial);
}

std::uint32_t fewest_survivors(std::uint32_t clients, const CohortRisks& risks,
                               std::uint32_t least) {
  return std::max(least, static_cast<std::uint32_t>(std::ceil(
                             (1 - risks.dropout) * static_cast<double>(clients) - kWhole)));
}

std::uint32_t adversaries_among(std::uint32_t clients, const CohortRisks& risks,
                                std::uint32_t drawn) {
  const Clients n = counted(clients, risks);
  return static_cast<std::uint32_t>(
      Hypergeometric{n.all, n.adversarial, static_cast<double>(drawn)}.exceeded_with(
          std::exp2(-(kSecurityBits + 1)) / n.all));
}

Result<SharingPlan> plan_sparse_sharing(std::uint32_t clients, const CohortRisks& risks) {
  TRIB_CHECK_OK(check(clients, risks));
  const double dropouts = risks.server_may_lie ? 2 * risks.dropout : risks.dropout;
  if (risks.adversarial + dropouts > 0.9 + kWhole) return too_many();
  const Clients n = counted(clients, risks);
  const double survivors = std::ceil((1 - risks.dropout) * n.all - kWhole);
  for (std::uint32_t degree = 2; degree + 1 < clients; degree += 2) {
    const double k = degree;
    if (!stays_connected(n, k)) continue;
    double adversarial = adversaries_among(clients, risks, degree);
    // Twice the threshold is then above all neighbours and those who lie: no two sets of shares.
    if (risks.server_may_lie) adversarial = std::ceil((adversarial + k - 1.25) / 2);
    const double threshold = std::max(adversarial + 1, 2.0);
    if (threshold <=
        Hypergeometric{n.all, survivors, k}.quantile(std::exp2(-kCorrectnessBits) / n.all)) {
      return SharingPlan{degree, static_cast<std::uint32_t>(threshold), false};
    }
  }
  return too_many();
}

Result<SharingPlan> plan_sharing(std::uint32_t clients, const CohortRisks& risks) {
  TRIB_CHECK_OK(check(clients, risks));
  if (clients > kCompleteGraphMax) {
    if (auto sparse = plan_sparse_sharing(clients, risks);
        sparse || sparse.error().code != ErrorCode::kFailedPrecondition) {
      return sparse;
    }
  }
  const Clients n = counted(clients, risks);
  const double k = n.all - 1;
  const double threshold =
      std::max(std::floor((k + n.adversarial) / 2) + 1, std::ceil(2 * k / 3 - kWhole));
  if (threshold > k - n.dropouts) return too_many();
  return SharingPlan{clients - 1, static_cast<std::uint32_t>(threshold), true};
}

}  // namespace tributary

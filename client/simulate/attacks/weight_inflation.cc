// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "client/simulate/attacks/attack.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

std::int64_t claimed_rows(const OptionMap& options) {
  return option<std::int64_t>(options, "rows");
}

}  // namespace

const Attack& weight_inflation_attack() {
  static const Attack kAttack{
      {"weight_inflation",
       "Trains on flipped labels and claims to have a great many rows, before the first round too",
       {{"rows",
         OptionType::kInteger,
         OptionValue{std::int64_t{1'000'000'000}},
         "that it claims",
         {1, std::numeric_limits<std::int64_t>::max()}}}},
      "Portnoy et al. 2022",
      true,
      nullptr,
      &claimed_rows};
  return kAttack;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "client/simulate/attacks/attack.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

void forge(const AttackerView& view, SentUpdate& sent) {
  sent.examples = static_cast<std::uint64_t>(option<std::int64_t>(view.options, "rows"));
}

}  // namespace

const Attack& weight_inflation_attack() {
  static const Attack kAttack{
      {"weight_inflation",
       "Trains on flipped labels and claims to have trained on a great many rows",
       {{"rows",
         OptionType::kInteger,
         OptionValue{std::int64_t{1'000'000'000}},
         "that it claims",
         {1, std::numeric_limits<std::int64_t>::max()}}}},
      "Portnoy et al. 2022",
      true,
      &forge};
  return kAttack;
}

}  // namespace tributary

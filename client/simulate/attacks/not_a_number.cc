// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "client/simulate/attacks/attack.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

void forge(const AttackerView& view, SentUpdate& sent) {
  const bool nan = option<std::string>(view.options, "value") == "nan";
  sent.values[view.random.uniform_below(sent.values.size())] =
      nan ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
}

}  // namespace

const Attack& not_a_number_attack() {
  static const Attack kAttack{{"not_a_number",
                               "Puts a NaN or an infinity into its update, in one place by lot",
                               {{"value",
                                 OptionType::kChoice,
                                 OptionValue{std::string("nan")},
                                 "what it puts there",
                                 {},
                                 {},
                                 {"nan", "infinity"}}}},
                              "Blanchard et al. 2017: an attacker may send anything",
                              false,
                              &forge};
  return kAttack;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/attacks/attack.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

void forge(const AttackerView& view, SentUpdate& sent) {
  sent.values.assign(view.first.begin(), view.first.end());
  sent.under_first_task = option<std::string>(view.options, "task") == "first";
}

}  // namespace

const Attack& stale_replay_attack() {
  static const Attack kAttack{
      {"stale_replay",
       "Sends the update of its first round again and again",
       {{"task",
         OptionType::kChoice,
         OptionValue{std::string("current")},
         "what it gives it out for: the answer to the current round's task, or to the first one's",
         {},
         {},
         {"current", "first"}}}},
      "Blanchard et al. 2017: an attacker may send anything",
      false,
      &forge};
  return kAttack;
}

}  // namespace tributary

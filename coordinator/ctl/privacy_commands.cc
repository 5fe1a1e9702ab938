// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/privacy_commands.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "common/privacy/accounting/calibration.h"
#include "coordinator/ctl/tables.h"

namespace tributary {
namespace {

Error wrong(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

std::string number(double value, int digits = 4) {
  std::ostringstream text;
  text << std::setprecision(digits) << value;
  return text.str();
}

// A power of ten below one in ten times the units: with a delta of one in so many, a mechanism that
// publishes somebody's record would count as private.
double delta_for(std::uint64_t size) {
  return std::pow(10.0, -std::ceil(std::log10(10.0 * static_cast<double>(size))));
}

struct Planned {
  std::vector<DpEvent> events;
  Adjacency adjacency = Adjacency::kAddOrRemoveOne;
  double delta = 0;
};

std::uint64_t steps_of(const PrivacyPlan& plan, std::uint64_t rounds) {
  if (plan.unit == "client") return rounds;
  const double a_round =
      std::ceil(plan.epochs * static_cast<double>(plan.size) / static_cast<double>(plan.batch));
  return static_cast<std::uint64_t>(a_round) * rounds;
}

std::vector<DpEvent> events_of(const PrivacyPlan& plan, std::uint64_t rounds) {
  DpEvent event;
  event.noise_multiplier = plan.noise;
  event.steps = steps_of(plan, rounds);
  const double rate = static_cast<double>(plan.batch) / static_cast<double>(plan.size);
  if (plan.sampling == "poisson" || plan.sampling == "fixed") event.rate = rate;
  if (plan.sampling == "poisson") event.sampling = DpSampling::kPoisson;
  if (plan.sampling == "fixed") event.sampling = DpSampling::kFixedSize;
  if (plan.sampling != "tree") return {event};
  return tree_events(plan.noise, event.steps,
                     plan.rounds_per_pass > 0 ? plan.rounds_per_pass : event.steps);
}

Result<Planned> planned(const PrivacyPlan& plan) {
  if (plan.epsilon > 0 && plan.noise > 0)
    return wrong("say --epsilon or --noise, not both: each is found from the other");
  if (plan.epsilon == 0 && plan.noise == 0)
    return wrong("say --epsilon, to learn how much noise it takes, or --noise, to learn its cost");
  if (plan.batch > plan.size) return wrong("--batch is more than --size");
  if (plan.sampling == "tree" && plan.unit == "record" && plan.epochs > 1)
    return wrong("--sampling tree counts each record once: --epochs 1 and --rounds 1 at most");
  if (plan.rounds_per_pass > 0 && (plan.sampling != "tree" || plan.unit != "client"))
    return wrong("--rounds-per-pass is for --unit client --sampling tree");
  Planned made;
  made.delta = plan.delta > 0 ? plan.delta : delta_for(plan.size);
  made.events = events_of(plan, plan.rounds);
  if (plan.sampling == "fixed") made.adjacency = Adjacency::kReplaceOne;
  return made;
}

// Everything without which an epsilon says nothing.
std::string terms(const PrivacyPlan& plan, const Planned& made) {
  const std::string each = "each " + plan.unit;
  std::string text = made.adjacency == Adjacency::kReplaceOne ? each + " replaced by another"
                                                              : each + " there or not";
  text += "; ";
  if (plan.sampling == "poisson")
    text += "each takes part in a step with probability " + number(made.events[0].rate);
  if (plan.sampling == "fixed")
    text +=
        std::to_string(plan.batch) + " of " + std::to_string(plan.size) + " drawn for each step";
  if (plan.sampling == "none") text += "all take part in each step";
  if (plan.sampling == "tree") text += "in any order, each once";
  if (plan.rounds_per_pass > 0) text += " in each pass of " + std::to_string(plan.rounds_per_pass);
  return text + "; " + std::to_string(steps_of(plan, plan.rounds)) + " steps; delta " +
         number(made.delta, 2);
}

// None where there is no tight bound.
std::optional<double> value_of(const Result<double>& result) {
  return result ? std::optional(*result) : std::nullopt;
}

nlohmann::json json_of(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

// What both questions are about.
nlohmann::json json_of(const PrivacyPlan& plan, const Planned& made) {
  return {{"terms", terms(plan, made)},
          {"delta", made.delta},
          {"steps", steps_of(plan, plan.rounds)},
          {"rate", made.events[0].rate}};
}

struct Row {
  std::uint64_t rounds = 0;
  double epsilon = 0;
  std::optional<double> noise;
};

// What other budgets and other lengths would take.
std::vector<Row> others(const PrivacyPlan& plan, const Planned& made) {
  std::vector<Row> rows;
  const auto add = [&](std::uint64_t rounds, double epsilon) {
    rows.push_back({rounds, epsilon,
                    value_of(noise_for(events_of(plan, rounds), made.adjacency,
                                       {epsilon, made.delta}, DpAccounting::kRdp))});
  };
  for (const double factor : {0.25, 0.5, 2.0, 4.0}) add(plan.rounds, plan.epsilon * factor);
  if (plan.rounds > 1) add(plan.rounds / 2, plan.epsilon);
  add(plan.rounds * 2, plan.epsilon);
  return rows;
}

Status print_noise(const PrivacyPlan& plan, const Planned& made) {
  const DpBudget budget{plan.epsilon, made.delta};
  TRIB_TRY(noise, noise_for(made.events, made.adjacency, budget, DpAccounting::kRdp));
  const auto tight = value_of(noise_for(made.events, made.adjacency, budget, DpAccounting::kPld));
  const std::vector<Row> rows = others(plan, made);
  if (plan.json) {
    nlohmann::json told = json_of(plan, made);
    told.update({{"epsilon", plan.epsilon}, {"noise_rdp", noise}, {"noise_pld", json_of(tight)}});
    for (const Row& row : rows)
      told["others"].push_back(
          {{"rounds", row.rounds}, {"epsilon", row.epsilon}, {"noise_rdp", json_of(row.noise)}});
    std::cout << told.dump(2) << "\n";
    return {};
  }
  std::cout << "epsilon " << number(plan.epsilon) << ": " << terms(plan, made) << "\n\n"
            << "noise multiplier " << number(noise) << " by the RDP accountant";
  if (tight) std::cout << "; " << number(*tight) << " by the tighter PLD accountant";
  std::cout << ".\nWrite the first into the job: ledgers count by RDP.\n\nOther budgets, other "
               "numbers of rounds (RDP):\n\n";
  std::vector<TableRow> table{{"epsilon", "rounds", "noise multiplier"}};
  for (const Row& row : rows)
    table.push_back({number(row.epsilon), std::to_string(row.rounds),
                     row.noise ? number(*row.noise) : "none is enough"});
  print_table(std::cout, table);
  return {};
}

Status print_cost(const PrivacyPlan& plan, const Planned& made) {
  TRIB_TRY(cost, epsilon_of(made.events, made.adjacency, made.delta, DpAccounting::kRdp));
  const auto tight =
      value_of(epsilon_of(made.events, made.adjacency, made.delta, DpAccounting::kPld));
  if (plan.json) {
    nlohmann::json told = json_of(plan, made);
    told.update({{"noise", plan.noise}, {"epsilon_rdp", cost}, {"epsilon_pld", json_of(tight)}});
    std::cout << told.dump(2) << "\n";
    return {};
  }
  std::cout << "noise multiplier " << number(plan.noise) << ": " << terms(plan, made) << "\n\n"
            << "epsilon " << number(cost) << " by the RDP accountant";
  if (tight) std::cout << "; " << number(*tight) << " by the tighter PLD accountant";
  std::cout << "\n";
  return {};
}

Status show_plan(const PrivacyPlan& plan) {
  TRIB_TRY(made, planned(plan));
  return plan.epsilon > 0 ? print_noise(plan, made) : print_cost(plan, made);
}

}  // namespace

void add_privacy(CLI::App& app, PrivacyPlan& plan,
                 const std::function<void(CLI::App*, std::function<Status()>)>& here) {
  CLI::App* privacy =
      app.add_subcommand("privacy", "What differential privacy costs; needs no coordinator");
  privacy->require_subcommand(1);
  CLI::App* command = privacy->add_subcommand(
      "plan",
      "How much noise an epsilon takes (--epsilon), or what epsilon a noise multiplier gives "
      "(--noise). Records: at a site, DP-SGD on batches. Clients: at the coordinator, one "
      "step a round");
  command->add_option("--size", plan.size, "Records of the smallest site, or clients in all")
      ->required()
      ->check(CLI::Range(std::uint64_t{2}, std::uint64_t{1'000'000'000'000}));
  command->add_option("--batch", plan.batch, "Records of a batch, or clients of a round")
      ->required()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000'000}));
  command->add_option("--rounds", plan.rounds, "How many")
      ->required()
      ->check(CLI::Range(1u, 1'000'000u));
  command
      ->add_option("--rounds-per-pass", plan.rounds_per_pass,
                   "With --sampling tree: rounds of a pass, in which each client counts once")
      ->check(CLI::Range(2u, 65'536u));
  command->add_option("--epochs", plan.epochs, "Of a site in a round; clients have none")
      ->check(CLI::Range(0.0001, 10000.0))
      ->capture_default_str();
  command->add_option("--epsilon", plan.epsilon, "The budget")->check(CLI::Range(0.001, 1e6));
  command
      ->add_option("--noise", plan.noise,
                   "Standard deviation of the noise on a sum / clip norm of one unit")
      ->check(CLI::Range(kNoiseMultiplierMin, kNoiseMultiplierMax));
  command->add_option("--delta", plan.delta, "Default: a power of ten below 1 / (10 size)")
      ->check(CLI::Range(1e-10, 0.5));
  command->add_option("--unit", plan.unit, "Whose presence is hidden")
      ->check(CLI::IsMember({"record", "client"}))
      ->capture_default_str();
  command
      ->add_option("--sampling", plan.sampling,
                   "How a step's units are found. poisson and fixed: drawn anew by a secret random "
                   "generator, which shuffling is not; none: claims nothing; tree: DP-FTRL")
      ->check(CLI::IsMember({"poisson", "fixed", "none", "tree"}))
      ->capture_default_str();
  command->add_flag("--json", plan.json, "For programs");
  here(command, [&plan] { return show_plan(plan); });
}

}  // namespace tributary

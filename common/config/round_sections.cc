// SPDX-License-Identifier: Apache-2.0
// The sections of a job file about its rounds and their evaluation.
#include <array>
#include <set>

#include "common/base/ids.h"
#include "common/base/text.h"
#include "common/config/job_sections.h"
#include "common/domain/figures.h"

namespace tributary {
namespace {

using Need = Section::Need;
constexpr IntegerRange kWait{limits::kWaitMinMs, limits::kWaitMaxMs};
constexpr IntegerRange kPause{0, limits::kWaitMaxMs};
// As data.task names them, in the order of TargetKind.
constexpr std::array<std::string_view, 6> kTasks = {"binary",       "classes", "regression",
                                                    "segmentation", "tokens",  "unlabelled"};
constexpr NumberRange kPortion{.min = 0.0, .max = 1.0, .above_min = true};

std::uint32_t count(Section& from, std::string_view key, std::int64_t least, std::int64_t most,
                    std::optional<std::int64_t> fallback) {
  return static_cast<std::uint32_t>(from.integer(key, {least, most}, fallback));
}

StalenessPolicy read_staleness(Section& rounds) {
  Section from = rounds.section("staleness", Need::kOptional);
  StalenessPolicy policy;
  policy.weight = enumeration<StalenessWeight>(from, "weight", {"constant", "polynomial", "hinge"},
                                               "polynomial");
  policy.exponent = from.number("exponent", {.min = 0.0, .max = 10.0}, 0.5);
  policy.slope = from.number("slope", {.min = 0.0, .max = 1000.0}, 1.0);
  policy.free = count(from, "free", 0, limits::kRoundsMax, 1);
  policy.max = count(from, "max", 0, limits::kRoundsMax, 10);
  if (policy.weight != StalenessWeight::kPolynomial && from.has("exponent"))
    from.fault("exponent", "is for weight: polynomial");
  if (policy.weight != StalenessWeight::kHinge && (from.has("slope") || from.has("free")))
    from.fault(from.has("slope") ? "slope" : "free", "is for weight: hinge");
  return policy;
}

void read_deadlines(Section& from, RoundPolicy& policy) {
  policy.deadline_ms = from.duration_ms("deadline", kWait, 600'000);
  Section adaptive = from.section("adaptive_deadline", Need::kOptional);
  if (adaptive.present()) {
    policy.adaptive.emplace();
    policy.adaptive->factor = adaptive.number("factor", {.min = 1.0, .max = 100.0}, 1.5);
    policy.adaptive->minimum_ms = adaptive.duration_ms("minimum", kWait, 10'000);
    if (policy.adaptive->minimum_ms > policy.deadline_ms)
      adaptive.fault("minimum", "is above rounds.deadline, which bounds it");
  }
  policy.grace_ms = from.duration_ms("grace", kPause, 0);
  policy.disconnect_grace_ms = from.duration_ms("disconnect_grace", kPause, 30'000);
  policy.wait_for_sites_ms = from.duration_ms("wait_for_sites", kWait, 3'600'000);
  policy.alarm_after_ms = from.duration_ms("alarm_after", kWait, 600'000);
}

// Sites that are named: each once, and enough of them.
void check_names(Section& from, const RoundPolicy& policy) {
  std::set<std::string> names;
  for (const std::string& site : policy.sites) {
    if (!is_valid_name(site)) from.fault("sites", "'" + site + "' is no name of a site");
    if (!names.insert(site).second) from.fault("sites", "'" + site + "' stands twice");
  }
  if (names.empty()) return;
  const auto check = [&](const char* key, std::uint32_t wanted) {
    if (wanted > names.size())
      from.fault(key, "more than the " + std::to_string(names.size()) + " sites named");
  };
  check("minimum_sites", policy.minimum_sites);
  check("quorum", policy.quorum);
  check("target", policy.target);
}

// What would never come to be, or means nothing beside the other keys.
void check_sizes(Section& from, const RoundPolicy& policy) {
  if (policy.target > 0 && policy.quorum > policy.target)
    from.fault("quorum", "is above target: a round never has more to wait for");
  if (policy.target > 0 && from.has("fraction"))
    from.fault("fraction", policy.mode == RoundMode::kAsync
                               ? "is for mode: sync; how many train at a time is concurrency"
                               : "the number of sites follows from target and over_selection");
  if (policy.target == 0 && from.has("over_selection"))
    from.fault("over_selection", "needs a target");
  if (policy.selection == SelectionRule::kAll &&
      (from.has("fraction") || from.has("over_selection")))
    from.fault("selection", "all asks every site; leave fraction and over_selection out");
  if (!policy.carries_late() && from.has("staleness"))
    from.fault("staleness", "is for late: carry and for mode: async");
  if (policy.late == LateResult::kCarry && policy.staleness.max == 0)
    from.fault("staleness", "max: 0 lets no late update count; that is late: discard");
}

void check_mode(Section& from, const RoundPolicy& policy) {
  if (policy.mode == RoundMode::kSync) {
    if (from.has("concurrency")) from.fault("concurrency", "is for mode: async");
    return;
  }
  if (policy.target == 0) from.fault("target", "mode: async needs it: the updates of one version");
  for (const char* key : {"over_selection", "grace", "late"}) {
    if (from.has(key)) from.fault(key, "is for mode: sync");
  }
}

// A job is judged by a figure that its task has.
void check_best_by(Section& from, const std::string& figure, TargetKind kind) {
  const FigureRule* rule = figure_rule(figure);
  if (rule == nullptr || rule->is_of(kind)) return;
  std::string tasks;
  for (std::size_t i = 0; i < kTasks.size(); ++i) {
    if (!rule->is_of(static_cast<TargetKind>(i))) continue;
    tasks += (tasks.empty() ? "" : ", ") + std::string(kTasks[i]);
  }
  from.fault("best_by", figure + " is for task: " + tasks);
}

}  // namespace

RoundPolicy read_rounds(Section& root) {
  Section from = root.section("rounds", Need::kRequired);
  RoundPolicy policy;
  const auto sites_max = static_cast<std::int64_t>(limits::kSitesMax);
  policy.rounds = count(from, "count", 1, limits::kRoundsMax, {});
  policy.mode = enumeration<RoundMode>(from, "mode", {"sync", "async"}, "sync");
  policy.selection = enumeration<SelectionRule>(
      from, "selection", {"all", "uniform", "weighted", "fast", "round_robin"}, "uniform");
  policy.fraction = from.number("fraction", kPortion, 1.0);
  policy.target = count(from, "target", 0, sites_max, 0);
  policy.over_selection = from.number("over_selection", {.min = 1.0, .max = 100.0}, 1.0);
  policy.concurrency = count(from, "concurrency", 0, sites_max, 0);
  policy.minimum_sites = count(from, "minimum_sites", 1, sites_max, 2);
  policy.quorum = count(from, "quorum", 0, sites_max, 0);
  read_deadlines(from, policy);
  policy.late = enumeration<LateResult>(from, "late", {"discard", "carry"}, "discard");
  policy.staleness = read_staleness(from);
  policy.attempts = count(from, "attempts", 1, limits::kAttemptsMax, 3);
  policy.sites = from.texts("sites", std::vector<std::string>{});
  check_names(from, policy);
  check_sizes(from, policy);
  check_mode(from, policy);
  return policy;
}

EvaluationSpec read_evaluate(Section& root, const DataSpec& data, const RoundPolicy& rounds) {
  Section from = root.section("evaluate", Need::kOptional);
  EvaluationSpec spec;
  spec.every = count(from, "every", 0, limits::kRoundsMax, 1);
  spec.fraction = from.number("fraction", kPortion, 1.0);
  spec.by_evaluators = from.choice("by", {"sites", "evaluators"}, "sites") == "evaluators";
  std::vector<std::string> figures;
  for (const FigureRule& rule : figure_rules()) {
    if (rule.name != "auc_error") figures.emplace_back(rule.name);  // of the bins, not of the model
  }
  spec.best_by = from.choice("best_by", figures, "loss");
  spec.best_of_worst = from.choice("best_of", {"all", "worst_site"}, "all") == "worst_site";
  check_best_by(from, spec.best_by, data.target);
  spec.written_rows = from.integer("written_rows", {0, kWrittenRowsMax}, 0);
  if (spec.written_rows > 0 && data.target != TargetKind::kTokens)
    from.fault("written_rows", "is for task: tokens");
  if (spec.best_by == "bleu" && spec.written_rows == 0)
    from.fault("best_by", "bleu needs texts that are written: written_rows");
  Section stop = from.section("early_stop", Need::kOptional);
  if (stop.present()) {
    spec.early_stop.emplace();
    spec.early_stop->patience = count(stop, "patience", 1, limits::kRoundsMax, 5);
    spec.early_stop->min_gain = stop.number("min_gain", {.min = 0.0}, 0.0);
    if (spec.every == 0) stop.fault("patience", "needs evaluations: evaluate.every is 0");
  }
  const bool same_sites =
      spec.by_evaluators || (spec.fraction == 1.0 && rounds.mode == RoundMode::kSync);
  if (!same_sites && (stop.present() || spec.best_of_worst)) {
    from.fault(stop.present() ? "early_stop" : "best_of",
               "compares evaluations, and with fraction below 1 or mode: async each is of other "
               "sites; use by: evaluators");
  }
  return spec;
}

}  // namespace tributary

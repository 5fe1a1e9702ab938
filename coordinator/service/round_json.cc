// SPDX-License-Identifier: Apache-2.0
// What record_json.h has of rounds.
#include "coordinator/service/json_fields.h"
#include "coordinator/service/record_json.h"

namespace tributary {
namespace {

using namespace json_fields;

Json participant_to_json(const ParticipantRow& row) {
  return {{"site", row.site.value},
          {"kind", row.kind},
          {"reason", row.reason},
          {"detail", row.detail},
          {"bytes", row.bytes},
          {"examples", row.examples},
          {"seconds", row.seconds},
          {"loss", row.loss},
          {"norm", row.norm},
          {"accuracy", optional_to_json(row.accuracy)},
          {"auc", optional_to_json(row.auc)},
          {"f1", optional_to_json(row.f1)},
          {"figures", row.figures}};
}

ParticipantRow participant_from_json(const Json& json) {
  ParticipantRow row;
  row.site.value = json.at("site").get<std::string>();
  row.kind = json.at("kind").get<std::string>();
  row.reason = json.at("reason").get<std::string>();
  row.detail = json.at("detail").get<std::string>();
  row.bytes = json.at("bytes").get<std::uint64_t>();
  row.examples = json.at("examples").get<std::uint64_t>();
  row.seconds = number_of(json.at("seconds"));
  row.loss = number_of(json.at("loss"));
  row.norm = number_of(json.at("norm"));
  row.accuracy = optional_from_json(member(json, "accuracy"));
  row.auc = optional_from_json(member(json, "auc"));
  row.f1 = optional_from_json(member(json, "f1"));
  row.figures = figures_from_json(member(json, "figures"));
  return row;
}

Json spread_to_json(const std::optional<SiteSpread>& spread) {
  if (!spread) return nullptr;
  return {{"worst_site", spread->worst_site},
          {"worst", spread->worst},
          {"mean", spread->mean},
          {"deviation", spread->deviation}};
}

std::optional<SiteSpread> spread_from_json(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return SiteSpread{json.at("worst_site").get<std::string>(), number_of(json.at("worst")),
                    number_of(json.at("mean")), number_of(json.at("deviation"))};
}

Json table_to_json(const FigureTable& table) {
  Json figures = Json::array(), classes = Json::array();
  for (const FigureRow& one : table.figures) {
    Json figure = {
        {"name", one.name}, {"value", one.value}, {"spread", spread_to_json(one.spread)}};
    if (one.interval) figure["interval"] = {one.interval->low, one.interval->high};
    figures.push_back(std::move(figure));
  }
  for (const ClassCounts& one : table.classes)
    classes.push_back({one.true_positives, one.false_positives, one.false_negatives});
  return {{"figures", figures},
          {"labels", table.labels},
          {"classes", classes},
          {"confusion", table.confusion}};
}

// Records of earlier versions have none.
FigureTable table_from_json(const Json& json) {
  FigureTable table;
  if (json.is_null()) return table;
  for (const Json& one : json.at("figures")) {
    FigureRow& figure = table.figures.emplace_back();
    figure.name = one.at("name").get<std::string>();
    figure.value = number_of(one.at("value"));
    figure.spread = spread_from_json(one.at("spread"));
    if (const Json& interval = member(one, "interval"); !interval.is_null())
      figure.interval = Interval{number_of(interval.at(0)), number_of(interval.at(1))};
  }
  table.labels = json.at("labels").get<std::uint64_t>();
  for (const Json& one : json.at("classes")) {
    table.classes.push_back({one.at(0).get<std::uint64_t>(), one.at(1).get<std::uint64_t>(),
                             one.at(2).get<std::uint64_t>()});
  }
  table.confusion = json.at("confusion").get<std::vector<std::uint64_t>>();
  return table;
}

}  // namespace

std::string round_row_to_json(const RoundRow& row) {
  Json participants = Json::array();
  for (const ParticipantRow& one : row.participants)
    participants.push_back(participant_to_json(one));
  return text_of({{"round", row.round},
                  {"attempt", row.attempt},
                  {"task", row.task},
                  {"outcome", row.outcome},
                  {"seconds", row.seconds},
                  {"examples", row.examples},
                  {"update_norm", row.update_norm},
                  {"model", row.model.hex()},
                  {"loss", optional_to_json(row.loss)},
                  {"accuracy", optional_to_json(row.accuracy)},
                  {"auc", optional_to_json(row.auc)},
                  {"f1", optional_to_json(row.f1)},
                  {"spread", spread_to_json(row.spread)},
                  {"figures", table_to_json(row.figures)},
                  {"epsilon", optional_to_json(row.epsilon)},
                  {"clip", optional_to_json(row.clip)},
                  {"participants", participants}});
}

Result<RoundRow> round_row_from_json(std::string_view text) {
  return parse<RoundRow>(text, "a round", [](const Json& json) {
    RoundRow row;
    row.round = json.at("round").get<RoundNumber>();
    row.attempt = json.at("attempt").get<AttemptNumber>();
    row.task = json.at("task").get<std::string>();
    row.outcome = json.at("outcome").get<std::string>();
    row.seconds = number_of(json.at("seconds"));
    row.examples = json.at("examples").get<std::uint64_t>();
    row.update_norm = number_of(json.at("update_norm"));
    row.model = digest_of(json.at("model"));
    row.loss = optional_from_json(json.at("loss"));
    row.accuracy = optional_from_json(json.at("accuracy"));
    row.auc = optional_from_json(json.at("auc"));
    row.f1 = optional_from_json(json.at("f1"));
    row.spread = spread_from_json(member(json, "spread"));
    row.figures = table_from_json(member(json, "figures"));
    row.epsilon = optional_from_json(member(json, "epsilon"));
    row.clip = optional_from_json(member(json, "clip"));
    for (const Json& one : json.at("participants"))
      row.participants.push_back(participant_from_json(one));
    return row;
  });
}

std::string site_spending_to_json(const SiteSpending& spending) {
  return text_of({{"dataset", spending.dataset},
                  {"job", spending.job.value},
                  {"unit", "site"},
                  {"adjacency", "add_or_remove_one"},
                  {"mechanism", spending.rounds_per_pass > 0 ? "tree" : "gaussian"},
                  {"sampling", "everything"},
                  {"rounds", spending.rounds},
                  {"noise_multiplier", spending.noise_multiplier},
                  {"delta", spending.delta},
                  {"epsilon", spending.epsilon},
                  {"max_epsilon", spending.max_epsilon},
                  {"rounds_per_pass", spending.rounds_per_pass}});
}

Result<SiteSpending> site_spending_from_json(std::string_view text) {
  return parse<SiteSpending>(text, "a line of the ledger", [](const Json& json) {
    return SiteSpending{
        json.at("dataset").get<std::string>(),  JobId{json.at("job").get<std::string>()},
        json.at("rounds").get<std::uint32_t>(), json.at("noise_multiplier").get<double>(),
        json.at("delta").get<double>(),         json.at("epsilon").get<double>(),
        json.at("max_epsilon").get<double>(),   json.value("rounds_per_pass", 0u)};
  });
}

}  // namespace tributary

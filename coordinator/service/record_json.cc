// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/record_json.h"

#include "coordinator/service/json_fields.h"
#include "coordinator/service/signature_json.h"

namespace tributary {
namespace {

using namespace json_fields;

Json figures_to_json(const std::optional<EvaluationFigures>& figures) {
  if (!figures) return nullptr;
  return {{"examples", figures->examples},
          {"loss", figures->loss},
          {"accuracy", optional_to_json(figures->accuracy)},
          {"auc", optional_to_json(figures->auc)},
          {"f1", optional_to_json(figures->f1)},
          {"others", figures->others}};
}

std::optional<EvaluationFigures> evaluation_from_json(const Json& json) {
  if (json.is_null()) return std::nullopt;
  EvaluationFigures figures;
  figures.examples = json.at("examples").get<std::uint64_t>();
  figures.loss = number_of(json.at("loss"));
  figures.accuracy = optional_from_json(json.at("accuracy"));
  figures.auc = optional_from_json(json.at("auc"));
  figures.f1 = optional_from_json(json.at("f1"));
  figures.others = figures_from_json(member(json, "others"));
  return figures;
}

Json plan_to_json(const DataPlan& plan) {
  Json numeric = Json::object();
  for (const auto& [column, one] : plan.numeric)
    numeric[column] = {{"mean", one.mean}, {"deviation", one.deviation}};
  return {{"numeric", numeric}, {"vocabularies", plan.vocabularies}};
}

DataPlan plan_from_json(const Json& json) {
  DataPlan plan;
  for (const auto& [column, one] : json.at("numeric").items()) {
    plan.numeric[column] = {one.at("mean").get<double>(), one.at("deviation").get<double>()};
  }
  plan.vocabularies =
      json.at("vocabularies").get<std::map<std::string, std::vector<std::string>>>();
  return plan;
}

Json changes_to_json(const JobChanges& changes) {
  return {{"paused", optional_to_json(changes.paused)},
          {"priority", optional_to_json(changes.priority)},
          {"deadline_ms", optional_to_json(changes.deadline_ms)},
          {"quorum", optional_to_json(changes.quorum)},
          {"rounds", optional_to_json(changes.rounds)}};
}

Json delta_to_json(const ModelDelta& delta) {
  return {{"base", delta.base.hex()}, {"blob", blob_to_json(delta.blob)}};
}

// Records of earlier versions have none.
ModelDelta delta_from_json(const Json& json) {
  if (json.empty()) return {};
  return {digest_of(json.at("base")), blob_from_json(json.at("blob"))};
}

JobChanges changes_from_json(const Json& json) {
  return {.paused = optional_from_json<bool>(member(json, "paused")),
          .priority = optional_from_json<std::int64_t>(member(json, "priority")),
          .deadline_ms = optional_from_json<std::int64_t>(member(json, "deadline_ms")),
          .quorum = optional_from_json<std::uint32_t>(member(json, "quorum")),
          .rounds = optional_from_json<std::uint32_t>(member(json, "rounds"))};
}

Json late_to_json(const std::map<SiteName, LateTask>& late) {
  Json json = Json::object();
  for (const auto& [site, task] : late) {
    json[site.value] = {
        {"round", task.round}, {"attempt", task.attempt}, {"model", blob_to_json(task.model)}};
  }
  return json;
}

std::map<SiteName, LateTask> late_from_json(const Json& json) {
  std::map<SiteName, LateTask> late;
  for (const auto& [site, task] : json.items()) {
    late[SiteName{site}] = {task.at("round").get<RoundNumber>(),
                            task.at("attempt").get<AttemptNumber>(),
                            blob_from_json(task.at("model"))};
  }
  return late;
}

Json history_to_json(const std::map<SiteName, SiteHistory>& history) {
  Json json = Json::object();
  for (const auto& [site, one] : history) {
    json[site.value] = {{"asked", one.asked},
                        {"accepted", one.accepted},
                        {"took_ms", one.took_ms},
                        {"counted", one.counted},
                        {"counted_before", one.counted_before}};
  }
  return json;
}

std::map<SiteName, SiteHistory> history_from_json(const Json& json) {
  std::map<SiteName, SiteHistory> history;
  for (const auto& [site, one] : json.items()) {
    history[SiteName{site}] = {
        one.at("asked").get<std::uint32_t>(), one.at("accepted").get<std::uint32_t>(),
        one.at("took_ms").get<std::vector<std::int64_t>>(),
        optional_from_json<RoundNumber>(member(one, "counted")).value_or(0),
        optional_from_json<RoundNumber>(member(one, "counted_before")).value_or(0)};
  }
  return history;
}

Json spent_to_json(const std::optional<SitesSpent>& spent) {
  if (!spent) return nullptr;
  return {{"epsilon", spent->epsilon}, {"with_next", spent->with_next}, {"clip", spent->clip}};
}

std::optional<SitesSpent> spent_from_json(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return SitesSpent{json.at("epsilon").get<double>(), json.at("with_next").get<double>(),
                    json.at("clip").get<double>()};
}

}  // namespace

std::string job_record_to_json(const JobRecord& record) {
  Json rows = Json::object();
  for (const auto& [site, one] : record.rows) {
    rows[site.value] = {{"training", one.training}, {"validation", one.validation}};
  }
  Json shortfalls = Json::object();
  for (const auto& [site, times] : record.shortfalls) shortfalls[site.value] = times;
  Json cohort = Json::array();
  for (const SiteName& site : record.cohort) cohort.push_back(site.value);
  return text_of({{"id", record.id.value},
                  {"name", record.name},
                  {"token", record.token},
                  {"model_file", blob_to_json(record.model_file)},
                  {"signature", signature_to_json(record.signature)},
                  {"submitted_wall_ms", record.submitted_wall_ms},
                  {"state", job_state_name(record.state)},
                  {"detail", record.detail},
                  {"plan", plan_to_json(record.plan)},
                  {"rows", rows},
                  {"round", record.round},
                  {"model", blob_to_json(record.model)},
                  {"delta", delta_to_json(record.delta)},
                  {"open_round", record.open_round},
                  {"attempt", record.attempt},
                  {"cohort", cohort},
                  {"shortfalls", shortfalls},
                  {"promised_sites", record.promised_sites},
                  {"late", late_to_json(record.late)},
                  {"history", history_to_json(record.history)},
                  {"changes", changes_to_json(record.changes)},
                  {"dry_run", record.dry_run},
                  {"best_round", record.best_round},
                  {"best", figures_to_json(record.best)},
                  {"best_value", optional_to_json(record.best_value)},
                  {"gained_value", optional_to_json(record.gained_value)},
                  {"without_gain", record.without_gain},
                  {"last", figures_to_json(record.last)},
                  {"spent", spent_to_json(record.spent)}});
}

Result<JobRecord> job_record_from_json(std::string_view text, std::string document) {
  return parse<JobRecord>(text, "a job", [&document](const Json& json) {
    JobRecord record;
    record.id.value = json.at("id").get<std::string>();
    record.name = json.at("name").get<std::string>();
    record.token = json.at("token").get<std::string>();
    record.document = std::move(document);
    record.model_file = blob_from_json(json.at("model_file"));
    record.signature = signature_from_json(member(json, "signature"));
    record.submitted_wall_ms = json.at("submitted_wall_ms").get<std::int64_t>();
    const auto state = job_state_from_name(json.at("state").get<std::string>());
    if (!state) throw std::runtime_error("unknown state");
    record.state = *state;
    record.detail = json.at("detail").get<std::string>();
    record.plan = plan_from_json(json.at("plan"));
    for (const auto& [site, one] : json.at("rows").items()) {
      record.rows[SiteName{site}] = {one.at("training").get<std::uint64_t>(),
                                     one.at("validation").get<std::uint64_t>()};
    }
    record.round = json.at("round").get<RoundNumber>();
    record.model = blob_from_json(json.at("model"));
    record.delta = delta_from_json(member(json, "delta"));
    record.open_round = json.at("open_round").get<RoundNumber>();
    record.attempt = json.at("attempt").get<AttemptNumber>();
    for (const Json& site : json.at("cohort"))
      record.cohort.push_back(SiteName{site.get<std::string>()});
    for (const auto& [site, times] : member(json, "shortfalls").items())
      record.shortfalls[SiteName{site}] = times.get<std::uint32_t>();
    record.promised_sites = json.value("promised_sites", 0u);
    record.late = late_from_json(member(json, "late"));
    record.history = history_from_json(member(json, "history"));
    record.changes = changes_from_json(member(json, "changes"));
    record.dry_run = json.value("dry_run", false);
    record.best_round = json.at("best_round").get<RoundNumber>();
    record.best = evaluation_from_json(json.at("best"));
    record.last = evaluation_from_json(json.at("last"));
    record.best_value = optional_from_json(member(json, "best_value"));
    record.gained_value = optional_from_json(member(json, "gained_value"));
    record.without_gain = json.value("without_gain", 0u);
    record.spent = spent_from_json(member(json, "spent"));
    return record;
  });
}

std::string accepted_to_json(const AcceptedUpdate& update) {
  const TrainResult& result = update.result;
  return text_of({{"job", update.key.job.value},
                  {"round", update.key.round},
                  {"attempt", update.key.attempt},
                  {"site", update.site.value},
                  {"into", update.into},
                  {"share", update.share},
                  {"update", blob_to_json(result.update)},
                  {"examples", result.examples},
                  {"train_loss", result.train_loss},
                  {"update_norm", result.update_norm},
                  {"seconds", result.seconds},
                  {"norm", update.norm},
                  {"next_clip", update.next_clip},
                  {"weight", update.weight}});
}

Result<AcceptedUpdate> accepted_from_json(std::string_view text) {
  return parse<AcceptedUpdate>(text, "an accepted update", [](const Json& json) {
    AcceptedUpdate update;
    update.key.job.value = json.at("job").get<std::string>();
    update.key.round = json.at("round").get<RoundNumber>();
    update.key.attempt = json.at("attempt").get<AttemptNumber>();
    update.key.kind = TaskKind::kTrain;
    update.site.value = json.at("site").get<std::string>();
    update.into = json.value("into", update.key.round);
    update.share = json.value("share", kFullShare);
    update.result.update = blob_from_json(json.at("update"));
    update.result.examples = json.at("examples").get<std::uint64_t>();
    update.result.train_loss = number_of(json.at("train_loss"));
    update.result.update_norm = number_of(json.at("update_norm"));
    update.result.seconds = number_of(json.at("seconds"));
    update.norm = number_of(json.at("norm"));
    update.next_clip = json.value("next_clip", 0.0);
    update.weight = json.value("weight", std::uint64_t{0});
    return update;
  });
}

std::string site_row_to_json(const SiteRow& row) {
  return text_of({{"site", row.site.value},
                  {"last_seen_wall_ms", row.last_seen_wall_ms},
                  {"address", row.address},
                  {"software", row.software},
                  {"datasets", row.datasets}});
}

Result<SiteRow> site_row_from_json(std::string_view text) {
  return parse<SiteRow>(text, "a site", [](const Json& json) {
    SiteRow row;
    row.site.value = json.at("site").get<std::string>();
    row.last_seen_wall_ms = json.at("last_seen_wall_ms").get<std::int64_t>();
    row.address = json.at("address").get<std::string>();
    row.software = json.at("software").get<std::string>();
    row.datasets = json.at("datasets").get<std::vector<std::string>>();
    return row;
  });
}

}  // namespace tributary

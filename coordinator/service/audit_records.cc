// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/audit_records.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "common/config/job_file.h"
#include "common/crypto/digest.h"
#include "coordinator/service/record_json.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

// Reports of what was decided about a job or a site; rounds have records of their own.
constexpr std::array<std::string_view, 12> kDecisions = {
    "job.submitted",     "job.changed",         "job.finished",     "job.failed",
    "job.aborted",       "site.disabled",       "site.revoked",     "site.enabled",
    "enrolment.invited", "enrolment.requested", "enrolment.issued", "enrolment.denied"};

// Of what a site says for people: with kSitesMax of them a record stays below kAuditLineBytesMax,
// whatever JSON makes of the characters.
constexpr std::size_t kDetailBytesMax = 256;

std::string document_digest(const JobRecord& job) { return sha256(as_bytes(job.document)).hex(); }

const JobRecord* saved_in(const RoundEffects& effects, const JobId& job) {
  for (const RoundEffect& effect : effects) {
    const auto* saved = std::get_if<SaveJob>(&effect);
    if (saved != nullptr && saved->record.id == job) return &saved->record;
  }
  return nullptr;
}

Json decision(const Report& report, const RoundEffects& effects) {
  Json record;
  JobId job;
  for (const auto& [name, value] : report.fields) {
    std::visit([&record, &key = name](const auto& one) { record[key] = one; }, value);
    if (name == "job") job.value = std::get<std::string>(value);
  }
  record["event"] = report.event;
  const JobRecord* saved = saved_in(effects, job);
  if (report.event == "job.submitted" && saved != nullptr) {
    record["document"] = saved->document;
    record["document_sha256"] = document_digest(*saved);
    if (!saved->model_file.digest.is_none()) record["model_file"] = saved->model_file.digest.hex();
  }
  return record;
}

// Those that are in the sum of the round, also if they were accepted in this very transaction.
Result<Json> updates_of(const SaveRound& round, const RoundEffects& effects,
                        const StateStore& before) {
  TRIB_TRY(accepted, before.accepted(round.job));
  for (const RoundEffect& effect : effects) {
    const auto* saved = std::get_if<SaveAccepted>(&effect);
    if (saved != nullptr && saved->update.key.job == round.job) accepted.push_back(saved->update);
  }
  Json updates = Json::array();
  for (const AcceptedUpdate& update : accepted) {
    if (update.into == round.row.round) updates.push_back(Json::parse(accepted_to_json(update)));
  }
  return updates;
}

// Whether nobody saw a part of what the row's sites gave.
bool was_summed_secretly(const JobSpec& spec, const std::string& task) {
  return std::ranges::any_of(std::array{TaskKind::kTrain, TaskKind::kEvaluate}, [&](TaskKind kind) {
    return task == task_kind_name(kind) && summed_secretly(spec, kind);
  });
}

// The job's document (of job.submitted) has the rule and its options; beside it a round's model is
// made of the model before, the updates with their weights, and what all sites weigh together.
Result<Json> round_record(const SaveRound& round, const RoundEffects& effects,
                          const StateStore& before) {
  TRIB_TRY(job, before.job(round.job));
  Json record = Json::parse(round_row_to_json(round.row));
  if (round.row.model.is_none()) record.erase("model");
  const auto file = parse_job(job.document, round.job.value);
  const bool secure = file && was_summed_secretly(file->spec, round.row.task);
  std::uint64_t in_sum = 0;
  for (Json& one : record["participants"]) {
    one["detail"] = cut_utf8(one["detail"].get<std::string>(), kDetailBytesMax);
    if (!secure) continue;
    // Nobody knows them.
    for (const char* figure : {"examples", "loss", "norm"}) one[figure] = nullptr;
    if (one["reason"] == reason_name(Reason::kAccepted)) ++in_sum;
  }
  if (secure) {
    record["sum"] = "secure";
    record["sites_in_sum"] = in_sum;
  }
  const bool committed = round.row.outcome == "committed";
  record["event"] = committed ? "round.committed" : "round.closed";
  record["job"] = round.job.value;
  record["document_sha256"] = document_digest(job);
  if (!committed) return record;
  record["model_before"] = job.model.digest.hex();
  for (const auto& [site, rows] : job.rows) record["rows"][site.value] = rows.training;
  TRIB_TRY(updates, updates_of(round, effects, before));
  record["updates"] = std::move(updates);
  return record;
}

}  // namespace

Result<std::vector<std::string>> audit_records(const RoundEffects& effects,
                                               const StateStore& before, std::int64_t at_ms) {
  std::vector<std::string> texts;
  const auto add = [&texts, at_ms](Json record) {
    record["at_ms"] = at_ms;
    texts.push_back(record.dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  for (const RoundEffect& effect : effects) {
    if (const auto* round = std::get_if<SaveRound>(&effect)) {
      TRIB_TRY(record, round_record(*round, effects, before));
      add(std::move(record));
    } else if (const auto* report = std::get_if<Report>(&effect)) {
      if (std::ranges::find(kDecisions, report->event) != kDecisions.end())
        add(decision(*report, effects));
    }
  }
  return texts;
}

}  // namespace tributary

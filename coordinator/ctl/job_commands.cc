// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>

#include "common/audit/papers.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/cli/command_line.h"
#include "common/cli/named_file.h"
#include "common/config/job_file.h"
#include "common/domain/role_matrix.h"
#include "common/storage/script_archive.h"
#include "common/tensor/safetensors.h"
#include "common/trust/job_signing.h"
#include "coordinator/ctl/commands.h"
#include "coordinator/ctl/figure_tables.h"
#include "coordinator/ctl/model_metadata.h"
#include "coordinator/ctl/tables.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

Json optional_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json changes_json(const JobChanges& changes) {
  Json json = Json::object();
  if (changes.paused) json["paused"] = *changes.paused;
  if (changes.priority) json["priority"] = *changes.priority;
  if (changes.deadline_ms) json["deadline_ms"] = *changes.deadline_ms;
  if (changes.quorum) json["quorum"] = *changes.quorum;
  if (changes.rounds) json["rounds"] = *changes.rounds;
  return json;
}

// "priority 3, quorum 2"; empty if an operator changed nothing.
std::string changes_text(const JobChanges& changes) {
  const Json all = changes_json(changes);
  std::string text;
  for (const auto& [name, value] : all.items()) {
    if (name == "paused") continue;  // the state says it
    text += (text.empty() ? "" : ", ") + name + " " + value.dump();
  }
  return text;
}

Json summary_json(const JobSummary& job) {
  return {{"job", job.job.value},
          {"name", job.name},
          {"state", job.state},
          {"detail", job.detail},
          {"round", job.round},
          {"rounds", job.rounds},
          {"best_round", job.best_round > 0 ? Json(job.best_round) : Json(nullptr)},
          {"dry_run", job.dry_run},
          {"changes", changes_json(job.changes)},
          {"submitted", format_utc(job.submitted_wall_ms)},
          {"loss", optional_json(job.loss)},
          {"accuracy", optional_json(job.accuracy)},
          {"auc", optional_json(job.auc)},
          {"f1", optional_json(job.f1)},
          {"figures", job.figures},
          {"epsilon", optional_json(job.epsilon)}};
}

TableRow summary_row(const JobSummary& job) {
  return {job.job.value,
          job.dry_run ? job.state + ", dry run" : job.state,
          std::to_string(job.round) + "/" + std::to_string(job.rounds),
          figure(job.loss),
          figure(job.accuracy),
          figure(job.auc),
          job.best_round > 0 ? std::to_string(job.best_round) : "-",
          format_utc(job.submitted_wall_ms)};
}

void print_jobs(const std::vector<JobSummary>& jobs) {
  if (jobs.empty()) {
    std::cout << "no jobs; submit one with `tributaryctl job submit job.yaml`\n";
    return;
  }
  std::vector<TableRow> rows = {
      {"JOB", "STATE", "ROUND", "LAST LOSS", "ACCURACY", "AUC", "BEST ROUND", "SUBMITTED"}};
  for (const JobSummary& job : jobs) rows.push_back(summary_row(job));
  print_table(std::cout, rows);
}

// Without a token of the user's, each submit is a job of its own.
std::string fresh_token() {
  std::random_device random;
  return std::to_string(random()) + "-" + std::to_string(random());
}

// Figures stand in the record as 0 where the task has none.
std::optional<double> loss_of(const ParticipantRow& one) {
  return one.examples > 0 ? std::optional(one.loss) : std::nullopt;
}

std::optional<double> norm_of(const ParticipantRow& one) {
  return one.kind == "train" && one.reason == "accepted" ? std::optional(one.norm) : std::nullopt;
}

std::optional<double> norm_of(const RoundRow& round) {
  return round.model.is_none() || round.task != "train" ? std::nullopt
                                                        : std::optional(round.update_norm);
}

std::string rows_text(std::uint64_t examples) {
  return examples > 0 ? std::to_string(examples) : "-";
}

// ASCII, so that a terminal shows it as it is.
void print_json(const Json& json) {
  std::cout << json.dump(2, ' ', true, Json::error_handler_t::replace) << "\n";
}

// With the key that the coordinator knows this operator by.
Result<JobSignature> sign(const OperatorConfig& config, const JobManifest& manifest) {
  if (config.tls.certificate.empty()) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "sites run only jobs that are signed with their submitter's certificate, and "
                      "a token cannot sign: submit it with tls.certificate and tls.key");
  }
  TRIB_TRY(papers, read_papers(*make_file_system(), config.tls));
  return sign_job(papers.signer, manifest, SystemClock().wall_ms());
}

// A dry run ends with what each site said; whoever asked wants to see that, whatever came out.
Status submit(Connection& connection, const std::string& document, const Digest& module,
              SubmitJob request, const SubmitOptions& options) {
  request.token = options.token.empty() ? fresh_token() : options.token;
  request.dry_run = options.dry_run;
  TRIB_TRY(file, parse_job(document, "job file"));
  const JobId id = job_id_of(file.spec.name, request.token, document);
  TRIB_TRY(signature, sign(connection.config(), {id, document, module, request.dry_run}));
  request.signature = std::move(signature);
  TRIB_TRY(submitted, connection.ask<JobSubmitted>(request));
  const std::string& job = submitted.job.value;
  std::cout << job << std::endl;
  if (submitted.existed) std::cerr << "the same job with the same token was submitted before\n";
  const Status ended = options.watch || options.dry_run ? watch_job(connection, job) : Status{};
  if (!options.dry_run || (!ended && ended.error().code != ErrorCode::kFailedPrecondition))
    return ended;
  std::cout << "\n";
  TRIB_CHECK_OK(job_show(connection, job, false));
  return ended;
}

Json spread_json(const std::optional<SiteSpread>& spread) {
  if (!spread) return nullptr;
  return {{"worst_site", spread->worst_site},
          {"worst", spread->worst},
          {"mean", spread->mean},
          {"deviation", spread->deviation}};
}

std::string evaluation_text(const RoundRow& round) {
  const std::string figures = main_figures(round.figures);
  if (!round.spread) return figures;
  const SiteSpread& spread = *round.spread;
  return figures + (figures.empty() ? "worst " : ", worst ") + spread.worst_site + " " +
         figure(spread.worst) + ", sites " + figure(spread.mean) + " +- " +
         figure(spread.deviation);
}

Json round_json(const RoundRow& round) {
  Json participants = Json::array();
  for (const ParticipantRow& one : round.participants) {
    participants.push_back({{"site", one.site.value},
                            {"reason", one.reason},
                            {"detail", one.detail},
                            {"bytes", one.bytes},
                            {"examples", one.examples},
                            {"seconds", one.seconds},
                            {"loss", optional_json(loss_of(one))},
                            {"norm", optional_json(norm_of(one))},
                            {"accuracy", optional_json(one.accuracy)},
                            {"auc", optional_json(one.auc)},
                            {"f1", optional_json(one.f1)},
                            {"figures", one.figures}});
  }
  return {{"round", round.round},
          {"attempt", round.attempt},
          {"task", round.task},
          {"outcome", round.outcome},
          {"seconds", round.seconds},
          {"examples", round.examples},
          {"norm", optional_json(norm_of(round))},
          {"model", round.model.hex()},
          {"loss", optional_json(round.loss)},
          {"accuracy", optional_json(round.accuracy)},
          {"auc", optional_json(round.auc)},
          {"f1", optional_json(round.f1)},
          {"sites", spread_json(round.spread)},
          {"figures", figures_json(round.figures)},
          {"epsilon", optional_json(round.epsilon)},
          {"clip", optional_json(round.clip)},
          {"participants", participants}};
}

// Everything without which an epsilon says nothing.
constexpr const char* kLedgerTerms =
    "each site there or not; all take part in each round, or once in each pass, nothing is claimed "
    "for drawing them; by the RDP accountant";

Json ledger_json(const JobDetail& detail) {
  if (!detail.dataset_epsilon) return nullptr;
  Json jobs = Json::array();
  for (const SiteSpending& one : detail.ledger) {
    jobs.push_back({{"dataset", one.dataset},
                    {"job", one.job.value},
                    {"rounds", one.rounds},
                    {"noise_multiplier", one.noise_multiplier},
                    {"mechanism", one.rounds_per_pass > 0 ? "tree" : "gaussian"},
                    {"rounds_per_pass", one.rounds_per_pass},
                    {"delta", one.delta},
                    {"epsilon", one.epsilon},
                    {"max_epsilon", one.max_epsilon}});
  }
  return {{"terms", kLedgerTerms}, {"jobs", jobs}, {"dataset_epsilon", *detail.dataset_epsilon}};
}

// What has been spent of the job's dataset, where the job hides whole sites.
void print_ledger(const JobDetail& detail) {
  if (!detail.dataset_epsilon) return;
  std::cout << "\nPrivacy of sites: " << kLedgerTerms << "\n";
  std::vector<TableRow> rows = {
      {"DATASET", "JOB", "ROUNDS", "NOISE", "DELTA", "EPSILON", "BUDGET"}};
  const auto number = [](double value) { return Json(value).dump(); };
  for (const SiteSpending& one : detail.ledger) {
    const std::string passes =
        one.rounds_per_pass > 0 ? " in passes of " + std::to_string(one.rounds_per_pass) : "";
    rows.push_back({one.dataset, one.job.value, std::to_string(one.rounds) + passes,
                    number(one.noise_multiplier), number(one.delta), figure(one.epsilon),
                    number(one.max_epsilon)});
  }
  print_table(std::cout, rows);
  std::cout << "all jobs on this dataset together, at the delta of this one: epsilon "
            << figure(detail.dataset_epsilon) << "\n";
}

}  // namespace

Result<CheckedJob> check_job(const std::string& path, bool any_operator) {
  TRIB_TRY(bytes, read_named(path, limits::kJobDocumentBytesMax));
  CheckedJob checked{std::string(as_text(bytes)), {}};
  TRIB_TRY(job, parse_job(checked.document, path));
  if (!job.model_path.empty()) {
    TRIB_TRY(module, read_named(resolve_path(job.model_path, path), limits::kBlobBytesMax));
    if (job.spec.model.name == "torchscript" && !any_operator) {
      if (Status fits = check_script(module); !fits)
        return fault_of_named(resolve_path(job.model_path, path), std::move(fits).error());
    }
    checked.module = std::move(module);
  }
  return checked;
}

Status job_submit(Connection& connection, const CheckedJob& job, const SubmitOptions& options) {
  SubmitJob request;
  request.document = job.document;
  if (job.module) {
    TRIB_TRY(offered, connection.offer(*job.module));
    request.model_file = offered;
  }
  const Digest module = request.model_file.digest;
  return submit(connection, job.document, module, std::move(request), options);
}

Status job_clone(Connection& connection, const std::string& job, const SubmitOptions& options) {
  TRIB_TRY(original, connection.ask<JobDetail>(ShowJob{JobId{job}, {}}));
  // What the coordinator says it was is signed only if somebody who may has signed it before.
  TRIB_TRY(trust, read_trust(*make_file_system(), connection.config().tls));
  const JobManifest manifest{JobId{job}, original.document, original.module.digest,
                             original.summary.dry_run};
  auto submitter =
      verify_job(trust, manifest, original.signature, original.signature.signed_wall_ms / 1000,
                 roles_that_may(built_in_roles(), OperatorAction::kSubmitJobs));
  if (!submitter) {
    return std::move(submitter).error().with_context(
        "the job is not cloned, because what the coordinator shows of it cannot be trusted; submit "
        "its file instead");
  }
  SubmitJob request;
  request.clone_of = JobId{job};
  return submit(connection, original.document, original.module.digest, std::move(request), options);
}

Status job_change(Connection& connection, const std::string& job, const JobChanges& changes) {
  TRIB_TRY(changed, connection.ask<JobChanged>(ChangeJob{JobId{job}, changes}));
  std::cout << (changes.paused ? *changes.paused ? "paused " : "resumed " : "changed ")
            << changed.job.value << "\n";
  return {};
}

Status job_list(Connection& connection, bool json) {
  TRIB_TRY(list, connection.ask_pages<JobList>(ListJobs{}));
  if (!json) {
    print_jobs(list.jobs);
    return {};
  }
  Json jobs = Json::array();
  for (const JobSummary& job : list.jobs) jobs.push_back(summary_json(job));
  print_json(jobs);
  return {};
}

Status job_show(Connection& connection, const std::string& job, bool json) {
  TRIB_TRY(detail, connection.ask_pages<JobDetail>(ShowJob{JobId{job}, {}}));
  if (json) {
    Json rounds = Json::array();
    for (const RoundRow& round : detail.rounds) rounds.push_back(round_json(round));
    print_json({{"summary", summary_json(detail.summary)},
                {"rounds", rounds},
                {"ledger", ledger_json(detail)}});
    return {};
  }
  print_jobs({detail.summary});
  if (!detail.summary.detail.empty()) std::cout << escaped_lines(detail.summary.detail) << "\n";
  if (const std::string changes = changes_text(detail.summary.changes); !changes.empty())
    std::cout << "changed by operators: " << changes << "\n";
  print_ledger(detail);
  std::vector<TableRow> rows = {{"ROUND", "TASK", "TRY", "SITE", "OUTCOME", "ROWS", "SENT", "TIME",
                                 "LOSS", "ACCURACY", "AUC", "DETAIL"}};
  for (const RoundRow& round : detail.rounds) {
    // "failed: why": a long reason has the room of the last column.
    const std::size_t colon = std::min(round.outcome.find(": "), round.outcome.size());
    const std::string why = round.outcome.substr(std::min(colon + 2, round.outcome.size()));
    rows.push_back({std::to_string(round.round), round.task, std::to_string(round.attempt), "(all)",
                    round.outcome.substr(0, colon), rows_text(round.examples), "",
                    seconds_text(round.seconds), figure(round.loss), figure(round.accuracy),
                    figure(round.auc), why.empty() ? evaluation_text(round) : why});
    for (const ParticipantRow& one : round.participants) {
      rows.push_back({"", "", "", one.site.value, one.reason, rows_text(one.examples),
                      one.bytes > 0 ? bytes_text(one.bytes) : "-", seconds_text(one.seconds),
                      figure(loss_of(one)), one.accuracy ? figure(one.accuracy) : "",
                      one.auc ? figure(one.auc) : "", one.detail});
    }
  }
  std::cout << "\n";
  print_table(std::cout, rows);
  return {};
}

Status job_abort(Connection& connection, const std::string& job, const std::string& why) {
  TRIB_TRY(aborted, connection.ask<JobAborted>(AbortJob{JobId{job}, why}));
  std::cout << "aborted " << aborted.job.value << "\n";
  return {};
}

Status show_status(Connection& connection, bool json) {
  TRIB_TRY(status, connection.ask_pages<StatusReply>(GetStatus{}));
  if (json) {
    Json jobs = Json::array();
    for (const JobSummary& job : status.jobs) jobs.push_back(summary_json(job));
    print_json({{"software", status.software},
                {"uptime_ms", status.uptime_ms},
                {"sites", sites_json(status.sites)},
                {"jobs", jobs}});
    return {};
  }
  std::cout << escaped(status.software) << ", up "
            << seconds_text(static_cast<double>(status.uptime_ms) / 1000) << "\n\n";
  print_sites(status.sites);
  std::cout << "\n";
  print_jobs(status.jobs);
  return {};
}

Status model_get(Connection& connection, const std::string& job, const std::string& round,
                 const std::string& out) {
  TRIB_TRY(info, connection.ask<ModelInfo>(GetModel{JobId{job}, round}));
  const std::string path =
      out.empty() ? job + "-round-" + std::to_string(info.round) + ".safetensors" : out;
  TRIB_CHECK_OK(check_place(path));
  TRIB_TRY(bytes, connection.fetch(info.model));
  TRIB_TRY(model, decode_safetensors(bytes));
  TRIB_TRY(metadata, model_metadata(info));
  TRIB_CHECK_OK(write_named(path, encode_safetensors(model, metadata)));
  std::cout << path << "\n";
  std::cerr << "wrote " << path << ": round " << info.round << ", " << bytes_text(bytes.size())
            << ", model " << info.model.digest.short_hex() << "; what its inputs and outputs "
            << "mean stands in its metadata\n";
  return {};
}

}  // namespace tributary

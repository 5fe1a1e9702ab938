// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/explain_command.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <numeric>

#include "client/confined/confined_probe.h"
#include "client/daemon/site_rules.h"
#include "client/data/partition.h"
#include "client/explain/importance.h"
#include "client/explain/model_inputs.h"
#include "client/explain/pages.h"
#include "client/learning/family.h"
#include "client/work/resources.h"
#include "client/work/site_data.h"
#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "common/base/short_number.h"
#include "common/cli/named_file.h"
#include "common/config/job_file.h"
#include "common/crypto/digest.h"
#include "common/storage/file_system.h"

namespace tributary {
namespace {

constexpr std::int64_t kBackgroundRowsMax = 1'000;  // that "on average" is taken over

Error usage(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

// So many rows drawn by the seed, in their order.
ExampleSet drawn_rows(const ExampleSet& from, std::int64_t count, std::uint64_t seed) {
  std::vector<std::size_t> rows(static_cast<std::size_t>(from.rows));
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  SeededRandom random(seed);
  random.shuffle(rows);
  rows.resize(static_cast<std::size_t>(std::min(count, from.rows)));
  std::ranges::sort(rows);
  return take_rows(from, rows);
}

Result<DescribedModel> named_model(const std::string& path) {
  TRIB_TRY(bytes, read_named(path, limits::kBlobBytesMax));
  auto file = read_model_file(bytes);
  if (!file) return fault_of_named(path, std::move(file).error());
  return file;
}

struct NamedJob {
  JobSpec spec;
  Bytes module_file;  // empty: a built-in family
};

Result<NamedJob> job_of(const ExplainCommand& command, const DescribedModel& file) {
  if (!command.job.empty()) {
    TRIB_TRY(text, read_named(command.job, limits::kJobDocumentBytesMax));
    TRIB_TRY(job, parse_job(std::string(as_text(text)), command.job));
    if (job.model_path.empty()) return NamedJob{job.spec, {}};
    TRIB_TRY(module, read_named(resolve_path(job.model_path, command.job), limits::kBlobBytesMax));
    return NamedJob{job.spec, std::move(module)};
  }
  const auto kept = file.metadata.find("tributary.job_file");
  if (kept == file.metadata.end())
    return usage("--job is missing: the model does not bring the job's file");
  TRIB_TRY(job, parse_job(kept->second, command.model + ": tributary.job_file"));
  if (!job.model_path.empty())
    return usage("--job is missing: it says where the job's TorchScript module is");
  return NamedJob{job.spec, {}};
}

Result<std::vector<const ExplainMethod*>> methods_of(const ExplainCommand& command) {
  std::vector<const ExplainMethod*> methods;
  for (const std::string& name : command.methods) {
    TRIB_TRY(method, find_explain_method(name));
    if (std::ranges::count(methods, method) == 0) methods.push_back(method);
  }
  return methods;
}

// All that one run has: what is explained, and what comes out.
struct Run {
  const ExplainCommand& command;
  ClientConfig config;
  DescribedModel file;
  JobSpec job;
  Bytes module_file;
  DataPlan plan = {};
  Features features = {};
  ExampleSet rows = {}, background = {};
};

Status load_rows(Run& run) {
  TRIB_TRY(plan, plan_of_model(run.job.data, run.file.metadata));
  FileSiteData data(run.config.datasets);
  std::string detail;
  auto examples = data.examples(run.job, plan, detail);
  if (!examples) {
    Error error = std::move(examples).error();
    if (!detail.empty()) error.message = detail;  // a person of the site reads it
    return error;
  }
  const SiteExamples& site = **examples;
  if (site.validation.rows == 0)
    return usage("the dataset '" + run.job.data.dataset + "' has no validation rows to explain");
  const std::uint64_t seed = run.command.options.seed;
  run.rows = drawn_rows(site.validation, run.command.rows, derive_seed(seed, "explained rows"));
  const ExampleSet& known = site.training.rows > 0 ? site.training : site.validation;
  run.background = drawn_rows(known, kBackgroundRowsMax, derive_seed(seed, "background rows"));
  TRIB_TRY(features, features_of_inputs(run.job.data, plan, run.rows.input_shape));
  run.features = std::move(features);
  run.plan = std::move(plan);
  return {};
}

// A module is code of others: only a confined process opens it.
Result<std::unique_ptr<ModelProbe>> probe_of(const Run& run, const Clock& clock) {
  const int threads = static_cast<int>(run.config.threads);
  if (run.module_file.empty())
    return probe_model(run.job, run.file.model, run.rows.input_shape, threads, {});
  const std::uint64_t free = free_resources(".").memory_bytes;
  const ConfinedLearner::Ports ports{clock, [free] { return free; }};
  return probe_confined(ports, run.job, run.file.model, run.rows.input_shape, threads,
                        run.module_file, free - free / 4);
}

Result<SiteExplanations> explain_all(const Run& run,
                                     const std::vector<const ExplainMethod*>& methods) {
  const SystemClock clock;
  TRIB_TRY(model, probe_of(run, clock));
  TRIB_TRY(wanted, outputs_to_explain(*model, run.rows));
  Subject subject{*model,         run.job, run.features,       run.rows,
                  run.background, wanted,  run.command.options};
  subject.options.baseline = run.command.baseline == "mean" ? Baseline::kMean : Baseline::kZeros;
  TRIB_TRY(outputs, model->outputs(run.rows.inputs));
  SiteExplanations site{run.job, run.rows, wanted, wanted_of(subject, outputs), {}, {}};
  const auto rows = static_cast<std::uint64_t>(run.rows.rows);
  site.together = {run.job.name,
                   sha256(std::as_bytes(std::span(run.file.model.values))).hex(),
                   rows,
                   run.features,
                   {}};
  for (const ExplainMethod* method : methods) {
    TRIB_TRY(found, explain_with(*method, subject));
    std::cerr << method->name << ": "
              << (method->of_rows ? std::to_string(rows) + " rows" : "all rows together");
    if (found.sum_error)
      std::cerr << "; sums are off by at most " << short_number(*found.sum_error);
    std::cerr << "\n";
    site.together.methods[std::string(method->name)] =
        importance_of(*method, found, run.features.count, rows);
    site.by.push_back({*method, std::move(found)});
  }
  return site;
}

Status write_into(const std::string& folder, const std::string& name, const std::string& text) {
  const std::string path = folder + "/" + name;
  TRIB_CHECK_OK(write_named(path, as_bytes(text)));
  std::cout << path << "\n";
  return {};
}

Status explain(const ExplainCommand& command, const std::function<Result<ClientConfig>()>& read) {
  if (command.model.empty()) return usage("--model is missing: the model.safetensors to explain");
  TRIB_TRY(methods, methods_of(command));
  if (methods.empty()) return usage("--method is missing: one or more of --help, with commas");
  TRIB_TRY(config, read());
  TRIB_TRY(policy, read_site_policy(config.policy_file));
  TRIB_TRY(file, named_model(command.model));
  TRIB_TRY(job, job_of(command, file));
  Run run{command, std::move(config), std::move(file), std::move(job.spec),
          std::move(job.module_file)};
  TRIB_CHECK_OK(load_rows(run));
  TRIB_TRY(site, explain_all(run, methods));
  TRIB_TRY(page, site_page(site));
  const std::string folder = command.out.empty() ? "explanation" : command.out;
  if (Status made = make_file_system()->make_directories(folder); !made)
    return fault_of_named(folder, std::move(made).error());
  TRIB_CHECK_OK(write_into(folder, "report.html", page));
  const auto least = std::max(
      kImportanceRowsMin, static_cast<std::uint64_t>(std::max<std::int64_t>(policy.min_count, 0)));
  const auto json = importance_json(site.together, least);
  if (json) return write_into(folder, "explanation.json", *json);
  std::cerr << "no explanation.json: " << json.error().message << "\n";
  return {};
}

// The file's folder tells whose it is where all are named alike.
std::string site_of(const std::string& path) {
  const std::filesystem::path file(path);
  const std::string folder = file.parent_path().filename().string();
  return file.filename() == "explanation.json" && !folder.empty() ? folder : file.stem().string();
}

Status merge(const ExplainCommand& command) {
  std::vector<NamedImportance> sites;
  std::vector<Importance> all;
  for (const std::string& path : command.files) {
    TRIB_TRY(text, read_named(path, kImportanceBytesMax));
    auto read = parse_importance(as_text(text));
    if (!read) return fault_of_named(path, std::move(read).error());
    all.push_back(*read);
    if (auto joined = join_importance(all); !joined)
      return fault_of_named(path, std::move(joined).error());
    sites.push_back({site_of(path), *std::move(read)});
  }
  TRIB_TRY(joined, join_importance(all));
  TRIB_TRY(page, federation_page(sites, joined));
  TRIB_CHECK_OK(write_named(command.out, as_bytes(page)));
  std::cout << command.out << "\n";
  return {};
}

void add_options(CLI::App& to, ExplainCommand& command) {
  ExplainOptions& options = command.options;
  const auto count = [&to](const char* name, std::int64_t& value, int least, int most,
                           const char* help) {
    to.add_option(name, value, help)->check(CLI::Range(least, most))->capture_default_str();
  };
  count("--rows", command.rows, 1, 100'000, "Validation rows, drawn by the seed");
  count("--steps", options.steps, 1, 10'000, "integrated_gradients: points on the way");
  count("--samples", options.samples, 1, 10'000, "smooth_grad: noisy copies of a row");
  count("--patch", options.patch, 0, 4'096,
        "occlusion: side of what is hidden; 0: a seventh of the picture");
  count("--repeats", options.repeats, 2, 10'000, "permutation: how often");
  count("--permutations", options.permutations, 2, 100'000, "shap: orders of the features");
  to.add_option("--noise", options.noise, "smooth_grad: deviation, as a share of the inputs' range")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  to.add_option("--score", options.score, "permutation: what gets worse")
      ->check(CLI::IsMember({"loss", "accuracy", "auc"}))
      ->capture_default_str();
  to.add_option("--baseline", command.baseline,
                "integrated_gradients, occlusion: zeros, or the mean of the site's rows")
      ->check(CLI::IsMember({"zeros", "mean"}))
      ->capture_default_str();
  to.add_option("--seed", options.seed, "The same seed gives the same files")
      ->capture_default_str();
}

std::string method_help() {
  std::string known;
  for (const ExplainMethod* method : explain_method_table())
    known += (known.empty() ? "" : ", ") + std::string(method->name);
  return "One or more, with commas: " + known;
}

}  // namespace

void add_explain(CLI::App& app, ExplainCommand& command,
                 std::function<Result<ClientConfig>()> config, std::function<Status()>& chosen) {
  CLI::App* explained = app.add_subcommand(
      "explain", "What a model's answers follow from, on this site's own rows; needs --config");
  explained->add_option("--job", command.job,
                        "The job file; if left out, the one that the model brings");
  explained->add_option("--model", command.model, "The model.safetensors of the job");
  explained->add_option("--method", command.methods, method_help())->delimiter(',');
  add_options(*explained, command);
  explained->add_option("--out", command.out,
                        "Folder for report.html and explanation.json; `explanation` if left out");
  CLI::App* merged = explained->add_subcommand(
      "merge", "Join the explanation.json of several sites into one page");
  merged->add_option("FILES", command.files, "The sites' files")->required();
  merged->add_option("--out", command.out, "The page to write")->required();
  explained->callback([&command, &chosen, config = std::move(config), merged] {
    if (merged->parsed()) {
      chosen = [&command] { return merge(command); };
    } else {
      chosen = [&command, config] { return explain(command, config); };
    }
  });
}

}  // namespace tributary

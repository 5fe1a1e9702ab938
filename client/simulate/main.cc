// SPDX-License-Identifier: Apache-2.0
// tributary-simulate: a federation in one process.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "client/simulate/compare.h"
#include "client/simulate/federation.h"
#include "common/base/limits.h"
#include "common/cli/command_line.h"
#include "common/cli/named_file.h"
#include "common/config/client_file.h"
#include "common/config/job_file.h"
#include "common/tensor/safetensors.h"

namespace tributary {
namespace {

struct Options {
  std::string job, out = "simulation", partition = "iid", model;
  std::vector<std::string> clients;
  std::size_t split = 0, jobs = 1, shards = 2;
  double alpha = 0.5, until_accuracy = 0.0;
};

struct Loaded {
  std::string document;
  JobFile job;
  std::string module_path;
  Bytes module_bytes;
};

Result<std::string> read_text(const std::string& path, std::uint64_t bytes_max) {
  TRIB_TRY(bytes, read_named(path, bytes_max));
  return std::string(as_text(bytes));
}

Result<Loaded> load_job(const std::string& path) {
  Loaded loaded;
  TRIB_TRY(text, read_text(path, limits::kJobDocumentBytesMax));
  TRIB_TRY(job, parse_job(text, path));
  loaded.document = std::move(text);
  loaded.job = std::move(job);
  if (!loaded.job.model_path.empty()) {
    loaded.module_path = resolve_path(loaded.job.model_path, path);
    TRIB_TRY(module, read_named(loaded.module_path, limits::kBlobBytesMax));
    loaded.module_bytes = std::move(module);
  }
  return loaded;
}

// One site for each client file, named after it.
Result<std::vector<VirtualSite>> sites_of_files(const std::vector<std::string>& clients) {
  std::vector<VirtualSite> sites;
  for (const std::string& path : clients) {
    TRIB_TRY(text, read_text(path, limits::kConfigBytesMax));
    TRIB_TRY(datasets, parse_datasets(text, path));
    const SiteName name{std::filesystem::path(path).stem().string()};
    if (std::ranges::find(sites, name, &VirtualSite::name) != sites.end()) {
      return make_error(ErrorCode::kInvalidArgument,
                        "two --client files are called '" + name.value +
                            "': a site has the name of its file without the ending; rename one");
    }
    sites.push_back({name, std::make_unique<FileSiteData>(std::move(datasets))});
  }
  return sites;
}

// Many sites from one client's dataset, and one that evaluates.
Result<std::vector<VirtualSite>> sites_of_split(const Options& options, const JobSpec& job) {
  if (options.clients.size() != 1)
    return make_error(ErrorCode::kInvalidArgument,
                      "--split divides the dataset of exactly one --client");
  if (job.data.input_shape.empty())
    return make_error(ErrorCode::kInvalidArgument, "--split is for arrays (data.input_shape)");
  TRIB_TRY(text, read_text(options.clients[0], limits::kConfigBytesMax));
  TRIB_TRY(datasets, parse_datasets(text, options.clients[0]));
  FileSiteData data(std::move(datasets));
  std::string detail;
  auto whole = data.examples(job, {}, detail);
  if (!whole)
    return make_error(whole.error().code,
                      whole.error().message + (detail.empty() ? "" : " (" + detail + ")"));
  PartitionSpec spec;
  spec.kind = options.partition == "iid"      ? PartitionKind::kIid
              : options.partition == "shards" ? PartitionKind::kShards
                                              : PartitionKind::kDirichlet;
  spec.sites = options.split;
  spec.shards_per_site = options.shards;
  spec.alpha = options.alpha;
  spec.seed = job.seed;
  TRIB_TRY(parts, partition_rows(spec, (*whole)->training.labels));
  std::vector<VirtualSite> sites;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "site-%04zu", i + 1);
    sites.push_back(
        {SiteName{name}, std::make_unique<ShareOfData>(*whole, std::move(parts[i]), false)});
  }
  sites.push_back({SiteName{"evaluator"},
                   std::make_unique<ShareOfData>(*whole, std::vector<std::size_t>{}, true)});
  return sites;
}

std::string figure(const std::optional<double>& value) {
  char text[32] = "-";
  if (value) std::snprintf(text, sizeof text, "%.4f", *value);
  return text;
}

void print_by_site(const RoundTold& told) {
  std::printf("\nround %u on each site's own validation rows\n%-24s %9s %9s %9s %9s\n", told.round,
              "site", "rows", "accuracy", "AUC", "loss");
  for (const auto& [site, figures] : told.by_site) {
    std::printf("%-24s %9lld %9s %9s %9s\n", site.c_str(), static_cast<long long>(figures.examples),
                figure(figures.accuracy).c_str(), figure(figures.auc).c_str(),
                figure(figures.loss).c_str());
  }
}

// All sites are there from the start: a job that wants more would wait for nobody.
Status check_site_count(const Options& options, const RoundPolicy& rounds) {
  const std::size_t sites = options.split > 0 ? options.split : options.clients.size();
  if (sites >= rounds.minimum_sites) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    options.job + ": rounds.minimum_sites is " +
                        std::to_string(rounds.minimum_sites) + ", and there are only " +
                        std::to_string(sites) + " sites; add --client files or lower it");
}

Status run(const Options& options) {
  TRIB_TRY(loaded, load_job(options.job));
  TRIB_CHECK_OK(check_site_count(options, loaded.job.spec.rounds));
  TRIB_TRY(sites, options.split > 0 ? sites_of_split(options, loaded.job.spec)
                                    : sites_of_files(options.clients));
  FederationRequest request;
  request.document = loaded.document;
  request.module_bytes = std::move(loaded.module_bytes);
  request.sites = std::move(sites);
  request.threads = options.jobs;
  request.directory = options.out;
  RoundTold last;
  request.on_round = [&options, &last](const RoundTold& told) {
    const FiguresTold& all = told.together;
    std::printf("round %4u  loss %s  accuracy %s  auc %s  %.1f s\n", told.round,
                figure(all.loss).c_str(), figure(all.accuracy).c_str(), figure(all.auc).c_str(),
                told.seconds);
    std::fflush(stdout);
    last = told;
    return options.until_accuracy <= 0.0 || all.accuracy.value_or(0.0) < options.until_accuracy;
  };
  TRIB_TRY(path, run_federation(std::move(request)));
  if (last.by_site.size() > 1) print_by_site(last);
  std::cout << "model: " << path << "\n";
  return {};
}

Status compare(const Options& options) {
  TRIB_TRY(loaded, load_job(options.job));
  TRIB_TRY(sites, sites_of_files(options.clients));
  std::optional<Model> federated;
  if (!options.model.empty()) {
    TRIB_TRY(bytes, read_named(options.model, limits::kBlobBytesMax));
    auto model = decode_safetensors(bytes);
    if (!model) return fault_of_named(options.model, std::move(model).error());
    federated = *std::move(model);
  }
  TRIB_TRY(compared, compare_models(loaded.job.spec, loaded.module_path, sites,
                                    federated ? &*federated : nullptr));
  std::printf("%-24s %13s %9s %9s %9s\n", "model", "training rows", "accuracy", "AUC", "loss");
  for (const ComparedModel& one : compared) {
    std::printf("%-24s %13llu %9s %9s %9.4f\n", one.name.c_str(),
                static_cast<unsigned long long>(one.training_rows),
                figure(one.figures.accuracy).c_str(), figure(one.figures.auc).c_str(),
                one.figures.loss);
  }
  std::printf("(all judged on the same %llu validation rows, of all sites together)\n",
              static_cast<unsigned long long>(compared.empty() ? 0 : compared[0].figures.examples));
  if (compared.empty() || compared[0].by_site.size() < 2) return {};
  std::printf("\naccuracy / AUC on the validation rows of\n%-24s", "model");
  for (const auto& [site, figures] : compared[0].by_site) std::printf(" %17s", site.value.c_str());
  std::printf("\n");
  for (const ComparedModel& one : compared) {
    std::printf("%-24s", one.name.c_str());
    for (const auto& [site, figures] : one.by_site)
      std::printf("   %6s / %6s", figure(figures.accuracy).c_str(), figure(figures.auc).c_str());
    std::printf("\n");
  }
  return {};
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  CLI::App app{
      "Tributary's simulator: the coordinator's engine and the clients' trainer in one process.",
      "tributary-simulate"};
  tributary::prepare_command_line(app);
  app.require_subcommand(1);
  tributary::Options options;
  CLI::App* run = app.add_subcommand("run", "Run a job over virtual sites");
  CLI::App* compare = app.add_subcommand(
      "compare",
      "Train each site alone and all data pooled, and judge them beside a federated model");
  for (CLI::App* command : {run, compare}) {
    command->add_option("--job", options.job, "The job file")->required();
    command
        ->add_option("--client", options.clients,
                     "A client.yaml (its datasets are used); one site each")
        ->required();
  }
  run->add_option(
         "--split", options.split,
         "Divide the one client's dataset into so many sites; its validation rows evaluate")
      ->check(CLI::Range(1, 20'000));
  run->add_option("--partition", options.partition, "How: iid, shards (by label) or dirichlet")
      ->check(CLI::IsMember({"iid", "shards", "dirichlet"}))
      ->capture_default_str();
  run->add_option("--shards", options.shards, "Shards a site")->capture_default_str();
  run->add_option("--alpha", options.alpha, "Of the Dirichlet distribution")->capture_default_str();
  run->add_option("--jobs", options.jobs, "Sites that train at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  run->add_option("--until-accuracy", options.until_accuracy, "Stop at this accuracy");
  run->add_option("--out", options.out, "Folder for models")->capture_default_str();
  compare->add_option("--model", options.model, "The federated model.safetensors");
  if (const auto ended = tributary::parse_command_line(app, argc, argv)) return *ended;
  const tributary::Status done =
      run->parsed() ? tributary::run(options) : tributary::compare(options);
  if (done) return 0;
  // There is no link that could fail.
  return tributary::tell_error("tributary-simulate", done.error()) == 2 ? 2 : 1;
}

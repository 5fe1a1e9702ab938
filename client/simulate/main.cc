// SPDX-License-Identifier: Apache-2.0
// tributary-simulate: a federation in one process.
#include <cstdio>
#include <iostream>

#include "client/simulate/compare.h"
#include "client/simulate/federation.h"
#include "client/simulate/site_source.h"
#include "client/simulate/sweep.h"
#include "common/base/limits.h"
#include "common/cli/command_line.h"
#include "common/cli/named_file.h"
#include "common/tensor/safetensors.h"
#include "coordinator/ctl/model_metadata.h"

namespace tributary {
namespace {

struct Options {
  std::vector<std::string> jobs, attacks;
  SiteOptions sites;
  std::string out = "simulation", model;
  std::size_t threads = 1;
  double until_accuracy = 0.0;
};

std::string figure(const std::optional<double>& value) {
  char text[32] = "-";
  if (value) std::snprintf(text, sizeof text, "%.4f", *value);
  return text;
}

// Those of its figures that tell most of a task.
std::vector<std::string> main_figures(const FiguresTold& told) {
  std::vector<std::string> names;
  for (const char* name : {"accuracy", "auc", "dice", "rmse", "r2", "perplexity", "bleu"}) {
    if (told.all.contains(name)) names.emplace_back(name);
  }
  return names;
}

std::string figure_of(const FiguresTold& told, const std::string& name) {
  const auto found = told.all.find(name);
  return figure(found == told.all.end() ? std::nullopt : std::optional(found->second));
}

void print_by_site(const RoundTold& told) {
  std::vector<std::string> names = main_figures(told.together);
  names.emplace_back("loss");
  std::printf("\nround %u on each site's own validation rows\n%-24s %9s", told.round, "site",
              "rows");
  for (const std::string& name : names) std::printf(" %10s", name == "auc" ? "AUC" : name.c_str());
  std::printf("\n");
  for (const auto& [site, figures] : told.by_site) {
    std::printf("%-24s %9lld", site.c_str(), static_cast<long long>(figures.examples));
    for (const std::string& name : names) std::printf(" %10s", figure_of(figures, name).c_str());
    std::printf("\n");
  }
}

std::string spent(const char* unit, const std::optional<double>& epsilon) {
  return epsilon ? "  epsilon of " + std::string(unit) + " " + figure(epsilon) : "";
}

// Updates that did not count, and why.
void print_refused(const std::map<SiteName, Verdicts>& verdicts) {
  bool any = false;
  for (const auto& [site, its] : verdicts) {
    for (const auto& [reason, count] : its.count) {
      if (reason == Reason::kAccepted) continue;
      if (!any)
        std::printf("\nupdates that did not count\n%-24s %7s  %s\n", "site", "rounds", "why");
      any = true;
      const std::string& detail = its.detail.at(reason);
      std::printf("%-24s %7zu  %s%s%s\n", site.value.c_str(), count,
                  std::string(reason_name(reason)).c_str(), detail.empty() ? "" : ": ",
                  escaped_lines(detail).c_str());
    }
  }
}

// The last model as `tributaryctl model get` gives it.
Status write_described(const FederationOutcome& outcome, const std::string& document,
                       const std::string& path) {
  ModelInfo info = outcome.model;
  info.document = document;
  TRIB_TRY(metadata, model_metadata(info));
  TRIB_TRY(bytes, read_named(outcome.model_path, limits::kBlobBytesMax));
  auto model = decode_safetensors(bytes);
  if (!model) return fault_of_named(outcome.model_path, std::move(model).error());
  return write_named(path, encode_safetensors(*model, metadata));
}

Status run(const Options& options) {
  TRIB_TRY(loaded, load_job(options.jobs[0]));
  FederationRequest request;
  if (!options.attacks.empty()) {
    TRIB_TRY(attack, parse_attack(options.attacks[0]));
    request.attack = std::move(attack);
  }
  SiteSource source(options.sites);
  TRIB_TRY(sites, source.sites(loaded, request.attack ? &*request.attack : nullptr));
  for (const VirtualSite& site : sites) {
    if (site.hostile)
      std::printf("%s attacks: %s\n", site.name.value.c_str(), options.attacks[0].c_str());
  }
  request.document = loaded.document;
  request.module_bytes = std::move(loaded.module_bytes);
  request.sites = std::move(sites);
  request.threads = options.threads;
  request.directory = options.out;
  RoundTold last;
  request.on_round = [&options, &last](const RoundTold& told) {
    const FiguresTold& all = told.together;
    std::printf("round %4u  loss %s", told.round, figure(all.loss).c_str());
    for (const std::string& name : main_figures(all))
      std::printf("  %s %s", name.c_str(), figure_of(all, name).c_str());
    std::printf("%s%s  %.1f s\n", spent("sites", told.epsilon_sites).c_str(),
                spent("records", told.epsilon_records).c_str(), told.seconds);
    std::fflush(stdout);
    last = told;
    return options.until_accuracy <= 0.0 || all.accuracy.value_or(0.0) < options.until_accuracy;
  };
  const std::string document = request.document;
  TRIB_TRY(outcome, run_federation(std::move(request)));
  if (last.by_site.size() > 1) print_by_site(last);
  print_refused(outcome.verdicts);
  if (!outcome.ended.empty()) std::cout << "ended early: " << escaped_lines(outcome.ended) << "\n";
  const std::string described = options.out + "/model.safetensors";
  TRIB_CHECK_OK(write_described(outcome, document, described));
  std::cout << "model: " << outcome.model_path << "\n";
  std::cout << "the same with what its inputs are: " << described << "\n";
  return {};
}

Status compare(const Options& options) {
  TRIB_TRY(loaded, load_job(options.jobs[0]));
  SiteSource source(options.sites);
  TRIB_TRY(sites, source.sites(loaded, nullptr));
  std::optional<Model> federated;
  if (!options.model.empty()) {
    TRIB_TRY(bytes, read_named(options.model, limits::kBlobBytesMax));
    auto model = decode_safetensors(bytes);
    if (!model) return fault_of_named(options.model, std::move(model).error());
    federated = *std::move(model);
  }
  TRIB_TRY(compared, compare_models(loaded.job.spec, loaded.module_bytes, sites,
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

std::string usual_of(const OptionSchema& option) {
  if (const auto* number = std::get_if<double>(&*option.fallback)) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", *number);
    return text;
  }
  if (const auto* integer = std::get_if<std::int64_t>(&*option.fallback))
    return std::to_string(*integer);
  return std::get<std::string>(*option.fallback);
}

int list_attacks() {
  for (const Attack* attack : attack_table()) {
    std::printf("%s\n    %s (%s)\n", attack->schema.name.c_str(), attack->schema.help.c_str(),
                std::string(attack->source).c_str());
    for (const OptionSchema& option : attack->schema.options) {
      std::printf("    %s: %s by default; %s\n", option.name.c_str(), usual_of(option).c_str(),
                  option.help.c_str());
    }
  }
  std::printf(
      "\nAn attack is its name, or a map as in job files: --attack '{name: min_max, direction: "
      "sign}'\n");
  return 0;
}

void add_sites(CLI::App& command, Options& options) {
  command
      .add_option("--split", options.sites.split,
                  "Divide the one client's dataset into so many sites; its validation rows "
                  "evaluate. For arrays; tables come with a --client for each site")
      ->check(CLI::Range(1, 20'000));
  command
      .add_option("--partition", options.sites.partition,
                  "How: iid, shards (by label) or dirichlet")
      ->check(CLI::IsMember({"iid", "shards", "dirichlet"}))
      ->capture_default_str();
  command.add_option("--shards", options.sites.shards, "Shards a site")->capture_default_str();
  command.add_option("--alpha", options.sites.alpha, "Of the Dirichlet distribution")
      ->capture_default_str();
  command.add_option("--root", options.sites.root,
                     "The client.yaml of the evaluator that a job's rule names as its root");
  command
      .add_option("--root-rows", options.sites.root_rows,
                  "Without --root: so many of the divided rows, by lot")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--jobs", options.threads, "Sites that train at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command.add_option("--out", options.out, "Folder for models")->capture_default_str();
  command
      .add_option("--attackers", options.sites.attackers,
                  "So many sites attack: the last ones, by name where the dataset is divided")
      ->check(CLI::Range(1, 20'000))
      ->capture_default_str();
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
  CLI::App* run = app.add_subcommand("run", "Run a job over virtual sites, honest or not");
  CLI::App* compare = app.add_subcommand(
      "compare",
      "Train each site alone and all data pooled, and judge them beside a federated model");
  CLI::App* sweep = app.add_subcommand(
      "sweep", "Run several jobs over the same sites; a table of what each withstands and costs");
  const CLI::App* attacks = app.add_subcommand("attacks", "List the attacks and their options");
  for (CLI::App* command : {run, compare, sweep}) {
    auto* job = command->add_option("--job", options.jobs, "The job file")->required();
    if (command != sweep) job->expected(1);
    command
        ->add_option("--client", options.sites.clients,
                     "A client.yaml (its datasets are used); one site each")
        ->required();
  }
  tributary::add_sites(*run, options);
  tributary::add_sites(*sweep, options);
  run->add_option("--attack", options.attacks,
                  "What hostile sites do: a name of `attacks`, or '{name: NAME, OPTION: VALUE}'")
      ->expected(1);
  sweep->add_option("--attack", options.attacks,
                    "As of `run`; one column each. None: what the updates of each job cost");
  run->add_option("--until-accuracy", options.until_accuracy, "Stop at this accuracy");
  compare->add_option("--model", options.model, "The federated model.safetensors");
  if (const auto ended = tributary::parse_command_line(app, argc, argv)) return *ended;
  if (attacks->parsed()) return tributary::list_attacks();
  const tributary::Status done =
      run->parsed()     ? tributary::run(options)
      : sweep->parsed() ? tributary::sweep({options.jobs, options.attacks, options.sites,
                                            options.threads, options.out})
                        : tributary::compare(options);
  if (done) return 0;
  // There is no link that could fail.
  return tributary::tell_error("tributary-simulate", done.error()) == 2 ? 2 : 1;
}

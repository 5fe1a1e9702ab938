// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/sweep.h"

#include <cstdio>

#include "client/simulate/encoding_cost.h"
#include "client/simulate/federation.h"
#include "common/base/limits.h"
#include "common/cli/named_file.h"
#include "common/config/encoding_choice.h"
#include "common/tensor/safetensors.h"

namespace tributary {
namespace {

struct NamedAttack {
  std::string label;
  ChosenAttack chosen;
};

// What the coordinator told the hostile sites under one attack, over all jobs.
using Told = std::map<Reason, std::size_t>;

// "alie, z: 1.5" of {name: alie, z: 1.5}
std::string label_of(std::string text) {
  if (text.starts_with('{') && text.ends_with('}')) text = text.substr(1, text.size() - 2);
  if (const std::size_t at = text.find("name: "); at != std::string::npos) text.erase(at, 6);
  return text;
}

std::string figure_text(const FiguresTold& told) {
  char text[32] = "-";
  const std::optional<double> figure = told.accuracy ? told.accuracy : told.loss;
  if (figure) std::snprintf(text, sizeof text, "%.3f", *figure);
  return text;
}

Result<Model> read_model(const std::string& path) {
  TRIB_TRY(bytes, read_named(path, limits::kBlobBytesMax));
  return decode_safetensors(bytes);
}

// What the last round made of the model: an update as jobs of this kind have them.
Result<Model> last_step(const FederationOutcome& outcome) {
  TRIB_TRY(model, read_model(outcome.model_path));
  TRIB_TRY(before, read_model(outcome.previous_path));
  for (std::size_t i = 0; i < model.values.size(); ++i) model.values[i] -= before.values[i];
  return model;
}

class Sweep {
 public:
  explicit Sweep(const SweepOptions& options) : options_(options), source_(options.sites) {}

  Status run() {
    for (const std::string& text : options_.attacks) {
      TRIB_TRY(attack, parse_attack(text));
      attacks_.push_back({label_of(text), std::move(attack)});
    }
    std::string head = attacks_.empty() ? "| job | bytes an update | bytes a download | encode, "
                                          "MB/s | decode, MB/s | accuracy or loss |"
                                        : "| job | no attack |";
    for (const NamedAttack& attack : attacks_) head += " " + attack.label + " |";
    std::string line = "|";
    for (std::size_t i = 1; i < head.size(); ++i) line += head[i] == '|' ? "---|" : "";
    std::printf("%s\n%s\n", head.c_str(), line.c_str());
    for (const std::string& path : options_.jobs) {
      TRIB_TRY(job, load_job(path));
      std::printf("| %s |", job.job.spec.name.c_str());
      TRIB_CHECK_OK(attacks_.empty() ? cost_cells(job) : attack_cells(job));
      std::printf("\n");
    }
    tell();
    return {};
  }

 private:
  Status attack_cells(const LoadedJob& job) {
    TRIB_CHECK_OK(attack_cell(job, nullptr));
    for (const NamedAttack& attack : attacks_) TRIB_CHECK_OK(attack_cell(job, &attack));
    return {};
  }

  Status attack_cell(const LoadedJob& job, const NamedAttack* attack) {
    std::vector<SiteName> hostile;
    std::string figure;
    TRIB_TRY(outcome, result_of(job, attack, hostile, figure));
    std::printf(" %s |", figure.c_str());
    std::fflush(stdout);
    if (!outcome || attack == nullptr) return {};
    for (const SiteName& site : hostile) {
      for (const auto& [reason, count] : outcome->verdicts[site].count)
        told_[attack->label][reason] += count;
    }
    return {};
  }

  // In MB of float32 a second.
  Status cost_cells(const LoadedJob& job) {
    std::vector<SiteName> hostile;
    std::string figure;
    TRIB_TRY(outcome, result_of(job, nullptr, hostile, figure));
    if (!outcome || outcome->updates == 0) {
      std::printf(" - | - | - | - | - |");
      return {};
    }
    TRIB_TRY(update, last_step(*outcome));
    TRIB_TRY(cost, measure_encoding(encoding_choice(job.job.spec.train.encoding), update));
    const double megabytes = 4e-6 * static_cast<double>(update.values.size());
    std::printf(" %llu | %llu | %.0f | %.0f | %s |",
                static_cast<unsigned long long>(outcome->update_bytes / outcome->updates),
                static_cast<unsigned long long>(outcome->model_bytes / outcome->models),
                megabytes / cost.encode_seconds, megabytes / cost.decode_seconds, figure.c_str());
    std::fflush(stdout);
    return {};
  }

  // None where the job failed, which is noted. `figure`: the accuracy of the last model, or its
  // loss.
  Result<std::optional<FederationOutcome>> result_of(const LoadedJob& job,
                                                     const NamedAttack* attack,
                                                     std::vector<SiteName>& hostile,
                                                     std::string& figure) {
    FederationRequest request;
    request.document = job.document;
    request.module_bytes = job.module_bytes;
    if (attack != nullptr) request.attack = attack->chosen;
    TRIB_TRY(sites, source_.sites(job, attack != nullptr ? &attack->chosen : nullptr));
    for (const VirtualSite& site : sites) {
      if (site.hostile) hostile.push_back(site.name);
    }
    request.sites = std::move(sites);
    request.threads = options_.threads;
    request.directory = options_.directory + "/" + std::to_string(++runs_);
    FiguresTold last;
    request.on_round = [&last](const RoundTold& told) {
      last = told.together;
      return true;
    };
    Result<FederationOutcome> outcome = run_federation(std::move(request));
    figure = outcome ? figure_text(last) : "-";
    if (outcome) return std::optional(*std::move(outcome));
    faults_.push_back(job.job.spec.name + ", " + (attack != nullptr ? attack->label : "no attack") +
                      ": " + outcome.error().message);
    return std::optional<FederationOutcome>();
  }

  void tell() const {
    for (const std::string& fault : faults_) std::printf("\n- %s\n", fault.c_str());
    for (const auto& [label, told] : told_) {
      if (told.size() == 1 && told.contains(Reason::kAccepted)) continue;
      std::string counts;
      for (const auto& [reason, count] : told) {
        counts += (counts.empty() ? "" : ", ") + std::to_string(count) + " " +
                  std::string(reason_name(reason));
      }
      std::printf("\n- %s: the coordinator told its sites %s\n", label.c_str(), counts.c_str());
    }
  }

  const SweepOptions& options_;
  SiteSource source_;
  std::vector<NamedAttack> attacks_;
  std::size_t runs_ = 0;
  std::vector<std::string> faults_;
  std::map<std::string, Told> told_;  // by attack
};

}  // namespace

Status sweep(const SweepOptions& options) { return Sweep(options).run(); }

}  // namespace tributary

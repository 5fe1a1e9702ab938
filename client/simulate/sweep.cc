// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/sweep.h"

#include <cstdio>

#include "client/simulate/federation.h"

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

class Sweep {
 public:
  explicit Sweep(const SweepOptions& options) : options_(options), source_(options.sites) {}

  Status run() {
    for (const std::string& text : options_.attacks) {
      TRIB_TRY(attack, parse_attack(text));
      attacks_.push_back({label_of(text), std::move(attack)});
    }
    std::string head = "| job | no attack |", line = "|---|---|";
    for (const NamedAttack& attack : attacks_) {
      head += " " + attack.label + " |";
      line += "---|";
    }
    std::printf("%s\n%s\n", head.c_str(), line.c_str());
    for (const std::string& path : options_.jobs) {
      TRIB_TRY(job, load_job(path));
      TRIB_CHECK_OK(row(job));
    }
    tell();
    return {};
  }

 private:
  Status row(const LoadedJob& job) {
    std::printf("| %s |", job.job.spec.name.c_str());
    TRIB_CHECK_OK(cell(job, nullptr));
    for (const NamedAttack& attack : attacks_) TRIB_CHECK_OK(cell(job, &attack));
    std::printf("\n");
    return {};
  }

  Status cell(const LoadedJob& job, const NamedAttack* attack) {
    FederationRequest request;
    request.document = job.document;
    request.module_bytes = job.module_bytes;
    if (attack != nullptr) request.attack = attack->chosen;
    TRIB_TRY(sites, source_.sites(job, attack != nullptr ? &attack->chosen : nullptr));
    std::vector<SiteName> hostile;
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
    const Result<FederationOutcome> outcome = run_federation(std::move(request));
    const std::optional<double> figure = last.accuracy ? last.accuracy : last.loss;
    if (outcome && figure) {
      std::printf(" %.3f |", *figure);
    } else {
      std::printf(" - |");
    }
    std::fflush(stdout);
    const std::string label = attack != nullptr ? attack->label : "no attack";
    if (!outcome)
      faults_.push_back(job.job.spec.name + ", " + label + ": " + outcome.error().message);
    if (!outcome || attack == nullptr) return {};
    for (const SiteName& site : hostile) {
      const auto its = outcome->verdicts.find(site);
      if (its == outcome->verdicts.end()) continue;
      for (const auto& [reason, count] : its->second.count) told_[label][reason] += count;
    }
    return {};
  }

  void tell() const {
    std::printf("\n");
    for (const std::string& fault : faults_) std::printf("- %s\n", fault.c_str());
    for (const auto& [label, told] : told_) {
      if (told.size() == 1 && told.contains(Reason::kAccepted)) continue;
      std::string counts;
      for (const auto& [reason, count] : told) {
        counts += (counts.empty() ? "" : ", ") + std::to_string(count) + " " +
                  std::string(reason_name(reason));
      }
      std::printf("- %s: the coordinator told its sites %s\n", label.c_str(), counts.c_str());
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

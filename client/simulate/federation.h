// SPDX-License-Identifier: Apache-2.0
// Runs one job over virtual sites from start to end, and tells each round as it goes. One thread,
// and the pools it makes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/simulate/virtual_sites.h"
#include "common/base/result.h"
#include "common/domain/evaluation.h"
#include "common/domain/operator_messages.h"

namespace tributary {

struct FiguresTold {
  std::int64_t examples = 0;
  std::optional<double> loss, accuracy, auc;
  std::map<std::string, double> all = {};  // by name (common/domain/figures.h)
};

struct RoundTold {
  RoundNumber round = 0;
  FiguresTold together;                        // on the validation rows of all sites
  std::map<std::string, FiguresTold> by_site;  // on each site's own
  double seconds = 0.0;                        // since the start
  // What the models up to this one have cost of the job's promise for whole sites, and for the
  // records of the site that has spent most; none: there is no such promise.
  std::optional<double> epsilon_sites = {}, epsilon_records = {};
};

struct FederationRequest {
  std::string document;  // the job file's text
  Bytes module_bytes;    // the TorchScript module, if the job has one
  std::vector<VirtualSite> sites;
  std::optional<ChosenAttack> attack;  // of the sites that are hostile
  std::size_t threads = 1;
  std::string directory;                           // models go to DIRECTORY/models/JOB
  std::function<bool(const RoundTold&)> on_round;  // false: enough
};

struct FederationOutcome {
  std::string model_path;     // of the last
  std::string previous_path;  // of the one before
  ModelInfo model;            // what the last is of; without its document
  std::uint64_t updates = 0;  // that were accepted, and their bytes as encoded
  std::uint64_t update_bytes = 0;
  std::uint64_t models = 0;  // that were committed, and the bytes that a site of the round before
                             // would fetch of them
  std::uint64_t model_bytes = 0;
  std::map<SiteName, Verdicts> verdicts;
  std::string ended;  // why before its last round; empty: it had them all
};

Result<FederationOutcome> run_federation(FederationRequest request);

}  // namespace tributary

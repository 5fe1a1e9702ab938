// SPDX-License-Identifier: Apache-2.0
// JobSpec: what a job file says, after it was read and checked by common/config. Plain values, any
// thread. The job's document (its YAML text) is what travels and is signed; every party parses it
// again, strictly, into this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/domain/data_spec.h"
#include "common/domain/plugin_choice.h"
#include "common/domain/privacy_spec.h"
#include "common/domain/round_policy.h"
#include "common/domain/train_spec.h"

namespace tributary {

// Updates that an aggregation rule can see together: each keeps a file open, and their dot products
// take the square of it.
inline constexpr std::size_t kUpdatesTogetherMax = 512;

struct AggregationSpec {
  PluginChoice algorithm{"fedavg", {}};  // that of train, which may have a half at the server
  PluginChoice before{"none", {}};       // what mixes the updates before the rule sees them
  PluginChoice rule{"weighted_mean", {}};
  PluginChoice server_optimizer{"sgd", {}};
  PluginChoice schedule{"constant", {{"warmup", std::int64_t{0}}}};  // of its learning rate
  // What the schedule goes over: the rounds of the job file, whatever operators make of them later;
  // so a round that is finished again after a restart gives the same bits.
  std::uint32_t planned_rounds = 1;
  std::uint64_t example_cap = 1'000'000;  // a site counts as at most this many examples
  double coordinate_bound = 1024.0;       // an update with a coordinate beyond this is refused
  bool operator==(const AggregationSpec&) const = default;

  // The evaluator that the rule's option `root` names: it trains beside the sites of each round, on
  // data that the consortium trusts, and the rule holds their updates against its own. Most rules
  // have none.
  std::optional<SiteName> root() const {
    const auto found = rule.options.find("root");
    if (found == rule.options.end()) return std::nullopt;
    return SiteName{std::get<std::string>(found->second)};
  }
};

// Training ends early when `patience` evaluations in a row brought no gain of at least `min_gain`
// over the best.
struct EarlyStop {
  std::uint32_t patience = 5;
  double min_gain = 0.0;
  bool operator==(const EarlyStop&) const = default;
};

struct EvaluationSpec {
  std::uint32_t every = 1;        // rounds; 0 = only after the last
  std::string best_by = "loss";   // a figure (figures.h): which round is "best"
  bool best_of_worst = false;     // judged by the site that does worst, not by all rows together
  double fraction = 1.0;          // of the sites that is asked
  bool by_evaluators = false;     // on central data, by clients with the role evaluator
  std::int64_t written_rows = 0;  // of a site, whose texts are written anew, for bleu
  std::optional<EarlyStop> early_stop;
  bool operator==(const EvaluationSpec&) const = default;
};

struct JobSpec {
  std::string name;
  std::int64_t priority = 0;  // jobs of a higher one go first
  std::uint64_t seed = 1;
  PluginChoice model;  // family and its options
  DataSpec data;
  TransferSpec transfer;
  TrainSpec train;
  AggregationSpec aggregation;
  RoundPolicy rounds;
  EvaluationSpec evaluation;
  PrivacySpec privacy;
  bool operator==(const JobSpec&) const = default;
};

}  // namespace tributary

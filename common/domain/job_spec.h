// SPDX-License-Identifier: Apache-2.0
// JobSpec: what a job file says, after it was read and checked by common/config. Plain values, any
// thread. The job's document (its YAML text) is what travels and is signed; every party parses it
// again, strictly, into this.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/domain/privacy_spec.h"
#include "common/domain/round_policy.h"

namespace tributary {

using OptionValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                                 std::vector<double>, std::vector<std::string>>;
using OptionMap = std::map<std::string, OptionValue>;

// A plug-in by name with the options its schema allows; defaults are filled in by the parser.
struct PluginChoice {
  std::string name;
  OptionMap options;
  bool operator==(const PluginChoice&) const = default;
};

enum class FeatureKind { kNumeric, kCategorical };

struct FeatureColumn {
  std::string name;
  FeatureKind kind = FeatureKind::kNumeric;
  std::vector<std::string>
      vocabulary;              // categorical: fixed by the job; empty = agreed over the sites
  bool drop_first = false;     // categorical: no column for the first word of the vocabulary
  std::optional<double> mean;  // numeric, standardize: constants
  std::optional<double> deviation;
  bool operator==(const FeatureColumn&) const = default;
};

enum class Standardize { kNone, kSite, kFederated, kConstants };
enum class MissingValues {
  kDropRow,
  kMean
};  // kMean: the mean that standardisation uses; a category becomes all zero
enum class TargetKind { kBinary, kClasses, kRegression };

struct DataSpec {
  std::string dataset;                  // logical name; only the site knows where it is
  std::vector<FeatureColumn> features;  // tables; empty for arrays (IDX, NPZ)
  std::vector<std::int64_t>
      input_shape;           // arrays: shape of one example, e.g. [1, 28, 28]; empty for tables
  double value_scale = 1.0;  // arrays: x := x * value_scale (1/255 for pixels)
  std::string label;         // tables: label column
  TargetKind target = TargetKind::kBinary;
  std::optional<double> positive_above;  // binary: label > this is the positive class
  std::vector<std::string>
      label_values;  // classes by name, in class order; binary: {negative, positive}
  std::int64_t classes =
      2;  // kClasses: number of classes (labels 0..classes-1 unless label_values)
  Standardize standardize = Standardize::kFederated;
  MissingValues missing = MissingValues::kDropRow;
  double validation_fraction = 0.2;  // ignored where the site names validation files of its own
  std::int64_t minimum_category_count = 5;  // a site does not name a category with fewer rows
  bool operator==(const DataSpec&) const = default;
};

// A model of the site's own, trained beside the global one with a pull to it (Ditto, Li et al.
// 2021).
struct PersonalSpec {
  double lambda = 0.1;  // strength of the pull
  bool operator==(const PersonalSpec&) const = default;
};

struct TrainSpec {
  PluginChoice algorithm{"fedavg", {}};
  PluginChoice optimizer{"sgd", {}};
  std::string loss = "auto";  // auto: bce for binary, cross_entropy for classes, mse for regression
  std::int64_t epochs = 1;    // passes over the site's rows, unless steps > 0
  std::int64_t steps = 0;     // fixed number of batches; the loader goes on over epoch ends
  std::int64_t batch_size = 32;       // 0 = all rows
  double learning_rate_decay = 1.0;   // learning rate of round r = lr * decay^(r-1)
  PluginChoice encoding{"fp32", {}};  // how the update is written
  // How the coordinator sends what changed in the model; fp32 without zstd: the whole model.
  PluginChoice download_encoding{"fp32", {}};
  // Tensors by name, with * and ?: each site has its own, and they never leave it.
  std::vector<std::string> keep_local;
  std::optional<PersonalSpec> personal;
  bool operator==(const TrainSpec&) const = default;
};

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
  std::uint32_t every = 1;       // rounds; 0 = only after the last
  std::string best_by = "loss";  // loss | accuracy | auc | f1: which round is "best"
  bool best_of_worst = false;    // judged by the site that does worst, not by all rows together
  double fraction = 1.0;         // of the sites that is asked
  bool by_evaluators = false;    // on central data, by clients with the role evaluator
  std::optional<EarlyStop> early_stop;
  bool operator==(const EvaluationSpec&) const = default;
};

struct JobSpec {
  std::string name;
  std::int64_t priority = 0;  // jobs of a higher one go first
  std::uint64_t seed = 1;
  PluginChoice model;  // family and its options
  DataSpec data;
  TrainSpec train;
  AggregationSpec aggregation;
  RoundPolicy rounds;
  EvaluationSpec evaluation;
  PrivacySpec privacy;
  bool operator==(const JobSpec&) const = default;
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// ExplainMethod: a plug-in that says what a model's answers follow from, given rows of a site.
// Factories are constants, any thread; a call belongs to one thread. No Torch here: a model is
// asked through its probe (client/learning/model_probe.h), and sums are in double precision. What
// comes out is about single rows, so it stays at the site (importance.h is what may leave).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/data/example_set.h"
#include "client/explain/features.h"
#include "client/learning/model_probe.h"
#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

enum class Baseline {
  kZeros,  // what a standardised number is on average, a black pixel, padding of a text
  kMean,   // of the background rows
};

struct ExplainOptions {
  std::int64_t steps = 64;  // integrated_gradients: points on the way from the baseline
  Baseline baseline = Baseline::kZeros;  // integrated_gradients, occlusion
  std::int64_t samples = 32;             // smooth_grad: noisy copies of a row
  double noise = 0.15;                   // smooth_grad: deviation, as a share of the inputs' range
  std::int64_t patch = 0;      // occlusion: side of what is hidden; 0: a seventh of the picture
  std::int64_t repeats = 10;   // permutation
  std::string score = "loss";  // permutation: loss | accuracy | auc
  std::int64_t permutations = 256;  // shap: orders in which a row's features come, two by two
  std::uint64_t seed = 1;           // of all that is drawn; the same seed gives the same bits
};

struct Subject {
  ModelProbe& model;
  const JobSpec& job;
  const Features& features;
  const ExampleSet& rows;            // that are explained; at least one
  const ExampleSet& background;      // of the site: what "on average" means
  std::vector<std::int64_t> wanted;  // the output that is explained, of each row
  ExplainOptions options;
};

struct Explanation {
  // [entries, features]: an entry is a row, or a repetition over all rows (ExplainMethod::of_rows).
  std::vector<double> values;
  std::int64_t entries = 0;
  // Standard error of each value, where it is drawn; else empty.
  std::vector<double> errors = {};
  // Of methods whose values of a row have a sum to keep: the largest distance from it.
  std::optional<double> sum_error = {};
};

struct ExplainMethod {
  std::string_view name;
  std::string_view help;  // with the paper
  std::string_view unit;  // of a value
  bool of_rows = true;    // explains each row by itself
  bool pictures = true;   // works on pictures
  bool others = true;     // works on what is no picture
  Result<Explanation> (*explain)(const Subject& subject);
};

std::span<const ExplainMethod* const> explain_method_table();  // generated
Result<const ExplainMethod*> find_explain_method(std::string_view name);

// The output that a row is explained by: that of the class which the model takes it for, or the
// only one.
Result<std::vector<std::int64_t>> outputs_to_explain(ModelProbe& model, const ExampleSet& rows);

// Carries one out. kInvalidArgument: it is not for such inputs; kFailedPrecondition: a value is no
// finite number, as of a model that has diverged.
Result<Explanation> explain_with(const ExplainMethod& method, const Subject& subject);

// --- for methods ---
std::size_t inputs_of_row(const Subject& subject);
std::vector<float> baseline_of(const Subject& subject);  // one row
// Of each row its wanted output, given all outputs.
std::vector<double> wanted_of(const Subject& subject, const std::vector<float>& outputs);
// Of each feature the largest size among its inputs (Simonyan et al. 2014); one row.
void add_largest(const Features& features, std::span<const double> of_inputs, double* to);

}  // namespace tributary

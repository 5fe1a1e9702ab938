// SPDX-License-Identifier: Apache-2.0
// Importance: what explanations of single rows come to over all of them: sums and counts, of no row
// by itself, so that sites can put theirs together. Plain values and functions, any thread. It is
// not noised: whoever gets two of nearly the same rows can subtract them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "client/explain/features.h"
#include "client/explain/method.h"
#include "common/base/result.h"

namespace tributary {

// --- limits ---
// Rows of which sums are written down at least: of fewer a mean says too much of each.
inline constexpr std::uint64_t kImportanceRowsMin = 20;
// Features of a file: pictures of 256 x 256.
inline constexpr std::size_t kImportanceFeaturesMax = 65'536;
// A file of sixteen methods at most, with two numbers of up to 25 characters for each feature.
inline constexpr std::size_t kImportanceBytesMax = 64u << 20;
inline constexpr std::size_t kImportanceMethodsMax = 16;

// One method's, for each feature. A value counts by its size, or as it is where it is one over all
// rows (permutation: below 0 the feature does harm).
struct MethodImportance {
  std::string unit;
  std::vector<double> sums;     // over the rows
  std::vector<double> squares;  // of the squared values
};

struct Importance {
  std::string job;    // its name
  std::string model;  // SHA-256 of its values
  std::uint64_t rows = 0;
  Features features;  // without `of_input`
  std::map<std::string, MethodImportance> methods;

  double mean(const MethodImportance& method, std::size_t feature) const;
  double spread(const MethodImportance& method, std::size_t feature) const;  // standard deviation
};

// `rows`: that were explained.
MethodImportance importance_of(const ExplainMethod& method, const Explanation& explanation,
                               std::size_t features, std::uint64_t rows);

// explanation.json. kFailedPrecondition: of fewer rows than `rows_min`, or of too many features.
Result<std::string> importance_json(const Importance& importance, std::uint64_t rows_min);
// Of another site: every number is held against what can be. kInvalidArgument.
Result<Importance> parse_importance(std::string_view text);
// Weighted by rows. kInvalidArgument: not of one model, or of other features or methods.
Result<Importance> join_importance(const std::vector<Importance>& sites);

}  // namespace tributary

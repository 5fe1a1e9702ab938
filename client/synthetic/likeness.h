// SPDX-License-Identifier: Apache-2.0
// How like made rows are to a site's real ones: column by column, in how columns go together, and
// whether rows were copied. Plain values and functions, any thread. All of it is told in a model's
// inputs, which standardise numbers and code words as 0 and 1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/data/example_set.h"
#include "common/domain/data_plan.h"

namespace tributary {

struct ColumnLikeness {
  std::string column;
  bool words = false;
  // Numbers: the largest difference of the shares up to a value (Kolmogorov-Smirnov). Words: half
  // the sum of the differences of their shares (total variation).
  double distance = 0.0;
  // Bins of equal width by their lower ends, in units, or words; shares of rows in each.
  std::vector<std::string> labels = {};
  std::vector<double> real = {};
  std::vector<double> made = {};
};

// Distances to the nearest training row, each row once (Euclidean, divided by the root of the
// number of inputs); of no more than kNearestRowsMax rows.
struct NearestRows {
  std::vector<double> made;
  std::vector<double> held_out;  // of real rows that trained nothing; empty where there are none
  // Shares of rows that are a training row.
  double made_copied = 0.0;
  double held_out_copied = 0.0;
  // More copies, or nearer rows, than rows that nobody copied have by chance.
  bool suspicious = false;
};
inline constexpr std::size_t kNearestRowsMax = 2000;
inline constexpr std::size_t kNearestTrainingMax = 50'000;

struct Likeness {
  std::vector<ColumnLikeness> columns;
  std::vector<std::string> inputs;       // names of the correlations' rows and columns
  std::vector<double> real_correlation;  // [inputs, inputs]; not a number beside a constant column
  std::vector<double> made_correlation;
  double largest_difference = 0.0;  // of the correlations
  NearestRows nearest;
};

// `inputs` names what the rows hold; empty (arrays): no columns and no correlations are told.
// `held_out` may have no rows. There is a training row and a made one.
Likeness likeness_of(const std::vector<InputColumn>& inputs, const ExampleSet& training,
                     const ExampleSet& held_out, const ExampleSet& made);

// The smallest value that so large a share of them is not above. Of at least one.
double quantile_of(std::vector<double> values, double share);

}  // namespace tributary

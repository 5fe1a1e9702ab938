// SPDX-License-Identifier: Apache-2.0
#include "client/synthetic/likeness.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "common/base/assert.h"

namespace tributary {
namespace {

constexpr std::size_t kBins = 20;

std::size_t width_of(const ExampleSet& rows) {
  return rows.rows == 0 ? 0 : rows.inputs.size() / static_cast<std::size_t>(rows.rows);
}

std::vector<double> column_of(const ExampleSet& rows, std::size_t column) {
  std::vector<double> values;
  for (std::size_t at = column; at < rows.inputs.size(); at += width_of(rows))
    values.push_back(static_cast<double>(rows.inputs[at]));
  return values;
}

// Both sorted.
double largest_gap(const std::vector<double>& one, const std::vector<double>& other) {
  double most = 0.0;
  std::size_t i = 0, j = 0;
  while (i < one.size() && j < other.size()) {
    const double value = std::min(one[i], other[j]);
    while (i < one.size() && one[i] <= value) ++i;
    while (j < other.size() && other[j] <= value) ++j;
    const double gap = static_cast<double>(i) / static_cast<double>(one.size()) -
                       static_cast<double>(j) / static_cast<double>(other.size());
    most = std::max(most, std::abs(gap));
  }
  return most;
}

std::vector<double> shares_in_bins(const std::vector<double>& values, double low, double high) {
  std::vector<double> shares(kBins, 0.0);
  const double width = (high > low ? high - low : 1.0) / static_cast<double>(kBins);
  for (const double value : values) {
    const double bin = std::clamp((value - low) / width, 0.0, static_cast<double>(kBins - 1));
    shares[static_cast<std::size_t>(bin)] += 1.0 / static_cast<double>(values.size());
  }
  return shares;
}

ColumnLikeness numbers_alike(const InputColumn& input, std::vector<double> real,
                             std::vector<double> made) {
  std::ranges::sort(real);
  std::ranges::sort(made);
  ColumnLikeness alike{.column = input.column, .distance = largest_gap(real, made)};
  const double low = std::min(real.front(), made.front());
  const double high = std::max(real.back(), made.back());
  for (std::size_t i = 0; i < kBins; ++i) {
    double value = low + (high - low) * static_cast<double>(i) / static_cast<double>(kBins);
    if (input.numeric) value = value * input.numeric->deviation + input.numeric->mean;
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value);
    alike.labels.emplace_back(text);
  }
  alike.real = shares_in_bins(real, low, high);
  alike.made = shares_in_bins(made, low, high);
  return alike;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

std::vector<ColumnLikeness> columns_alike(const std::vector<InputColumn>& inputs,
                                          const ExampleSet& real, const ExampleSet& made) {
  std::vector<ColumnLikeness> all;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::vector<double> of_real = column_of(real, i), of_made = column_of(made, i);
    if (!inputs[i].word) {
      all.push_back(numbers_alike(inputs[i], of_real, of_made));
      continue;
    }
    if (all.empty() || !all.back().words || all.back().column != inputs[i].column)
      all.push_back({.column = inputs[i].column, .words = true});
    ColumnLikeness& alike = all.back();
    alike.labels.push_back(*inputs[i].word);
    alike.real.push_back(mean_of(of_real));
    alike.made.push_back(mean_of(of_made));
    alike.distance += 0.5 * std::abs(alike.real.back() - alike.made.back());
  }
  return all;
}

std::vector<double> correlations_of(const ExampleSet& rows) {
  const std::size_t n = width_of(rows);
  std::vector<double> means(n, 0.0), sums(n * n, 0.0);
  for (std::size_t at = 0; at < rows.inputs.size(); ++at)
    means[at % n] += static_cast<double>(rows.inputs[at]) / static_cast<double>(rows.rows);
  std::vector<double> away(n);
  for (std::size_t at = 0; at < rows.inputs.size(); at += n) {
    for (std::size_t i = 0; i < n; ++i)
      away[i] = static_cast<double>(rows.inputs[at + i]) - means[i];
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) sums[i * n + j] += away[i] * away[j];
  }
  std::vector<double> all(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const double spread = std::sqrt(sums[i * n + i] * sums[j * n + j]);
      all[i * n + j] =
          spread > 1e-12 ? sums[i * n + j] / spread : std::numeric_limits<double>::quiet_NaN();
    }
  }
  return all;
}

// Rows of `from`, evenly over all of it.
std::vector<std::size_t> some_rows(const ExampleSet& from, std::size_t most) {
  const auto rows = static_cast<std::size_t>(from.rows);
  std::vector<std::size_t> some;
  for (std::size_t i = 0; i < std::min(rows, most); ++i)
    some.push_back(rows <= most ? i : i * rows / most);
  return some;
}

std::vector<double> nearest_of(const ExampleSet& rows, const ExampleSet& training) {
  const std::size_t n = width_of(training);
  const std::vector<std::size_t> among = some_rows(training, kNearestTrainingMax);
  std::vector<double> nearest;
  for (const std::size_t row : some_rows(rows, kNearestRowsMax)) {
    const float* one = rows.inputs.data() + row * n;
    float least = std::numeric_limits<float>::max();
    for (const std::size_t other : among) {
      const float* two = training.inputs.data() + other * n;
      float square = 0.0F;
      for (std::size_t i = 0; i < n && square < least; ++i)
        square += (one[i] - two[i]) * (one[i] - two[i]);
      least = std::min(least, square);
    }
    nearest.push_back(std::sqrt(static_cast<double>(least) / static_cast<double>(n)));
  }
  return nearest;
}

double copied_of(const std::vector<double>& nearest) {
  constexpr double kSame = 1e-4;  // deviations: what a file's six digits leave out
  if (nearest.empty()) return 0.0;
  return static_cast<double>(std::ranges::count_if(nearest, [](double d) { return d < kSame; })) /
         static_cast<double>(nearest.size());
}

NearestRows nearest_rows(const ExampleSet& training, const ExampleSet& held_out,
                         const ExampleSet& made) {
  NearestRows rows{.made = nearest_of(made, training), .held_out = nearest_of(held_out, training)};
  rows.made_copied = copied_of(rows.made);
  rows.held_out_copied = copied_of(rows.held_out);
  constexpr double kByChance = 0.01;  // of the rows
  rows.suspicious = rows.made_copied > rows.held_out_copied + kByChance;
  if (!rows.held_out.empty()) {
    const double near = quantile_of(rows.made, 0.05), usual = quantile_of(rows.held_out, 0.05);
    rows.suspicious = rows.suspicious || near < 0.5 * usual;
  }
  return rows;
}

}  // namespace

double quantile_of(std::vector<double> values, double share) {
  TRIB_ASSERT(!values.empty(), "a quantile of something");
  std::ranges::sort(values);
  const double place = std::ceil(share * static_cast<double>(values.size())) - 1.0;
  return values[static_cast<std::size_t>(std::max(place, 0.0))];
}

Likeness likeness_of(const std::vector<InputColumn>& inputs, const ExampleSet& training,
                     const ExampleSet& held_out, const ExampleSet& made) {
  TRIB_ASSERT(training.rows > 0 && made.rows > 0 && width_of(training) == width_of(made),
              "rows of one kind");
  Likeness likeness;
  likeness.nearest = nearest_rows(training, held_out, made);
  if (inputs.empty()) return likeness;
  likeness.columns = columns_alike(inputs, training, made);
  for (const InputColumn& input : inputs)
    likeness.inputs.push_back(input.word ? input.column + " = " + *input.word : input.column);
  likeness.real_correlation = correlations_of(training);
  likeness.made_correlation = correlations_of(made);
  for (std::size_t i = 0; i < likeness.real_correlation.size(); ++i) {
    const double gap = std::abs(likeness.real_correlation[i] - likeness.made_correlation[i]);
    if (std::isfinite(gap))
      likeness.largest_difference = std::max(likeness.largest_difference, gap);
  }
  return likeness;
}

}  // namespace tributary

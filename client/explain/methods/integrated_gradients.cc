// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "client/explain/method.h"

namespace tributary {
namespace {

// Of all rows at once the point that lies at `share` of the way from the baseline.
std::vector<float> points_at(const Subject& subject, const std::vector<float>& baseline,
                             double share) {
  std::vector<float> points;
  points.reserve(subject.rows.inputs.size());
  for (std::size_t i = 0; i < subject.rows.inputs.size(); ++i) {
    const double from = static_cast<double>(baseline[i % baseline.size()]);
    const double to = static_cast<double>(subject.rows.inputs[i]);
    points.push_back(static_cast<float>(from + share * (to - from)));
  }
  return points;
}

// Completeness: what the features of a row are given is what the output moved by.
Result<double> distance_from_sum(const Subject& subject, const std::vector<float>& baseline,
                                 const Explanation& found) {
  TRIB_TRY(at_rows, subject.model.outputs(subject.rows.inputs));
  TRIB_TRY(at_baseline, subject.model.outputs(baseline));
  const std::vector<double> ends = wanted_of(subject, at_rows);
  double most = 0.0;
  for (std::size_t row = 0; row < ends.size(); ++row) {
    double sum = 0.0;
    for (std::size_t f = 0; f < subject.features.count; ++f)
      sum += found.values[row * subject.features.count + f];
    const double start =
        static_cast<double>(at_baseline[static_cast<std::size_t>(subject.wanted[row])]);
    most = std::max(most, std::abs(sum - (ends[row] - start)));
  }
  return most;
}

// The integral by the midpoints of `steps` equal parts of the way.
Result<Explanation> explain(const Subject& subject) {
  const std::vector<float> baseline = baseline_of(subject);
  const std::size_t features = subject.features.count;
  std::vector<double> sum(subject.rows.inputs.size(), 0.0);
  const double steps = static_cast<double>(subject.options.steps);
  for (std::int64_t step = 0; step < subject.options.steps; ++step) {
    const double share = (static_cast<double>(step) + 0.5) / steps;
    TRIB_TRY(gradients,
             subject.model.gradients(points_at(subject, baseline, share), subject.wanted));
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(gradients[i]);
  }
  Explanation found{
      std::vector<double>(static_cast<std::size_t>(subject.rows.rows) * features, 0.0),
      subject.rows.rows};
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const std::size_t row = i / baseline.size(), input = i % baseline.size();
    const double way =
        static_cast<double>(subject.rows.inputs[i]) - static_cast<double>(baseline[input]);
    found.values[row * features + subject.features.of_input[input]] += way * sum[i] / steps;
  }
  TRIB_TRY(distance, distance_from_sum(subject, baseline, found));
  found.sum_error = distance;
  return found;
}

}  // namespace

const ExplainMethod& integrated_gradients_explain_method() {
  static constexpr ExplainMethod kMethod{
      .name = "integrated_gradients",
      .help =
          "what each input adds to the output on the straight way from a baseline; all together "
          "give what the output moved by (Sundararajan et al. 2017)",
      .unit = "share of output - output of the baseline",
      .explain = explain};
  return kMethod;
}

}  // namespace tributary

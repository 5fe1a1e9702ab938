// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "client/explain/method.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

constexpr std::size_t kFeaturesMax = 1'000;  // each costs an output for each order of each row

// Sums over the pairs of orders of one row.
struct Sums {
  std::vector<double> values, squares;
};

class Sampler {
 public:
  explicit Sampler(const Subject& subject)
      : subject_(subject), inputs_(subject.features.inputs()), width_(inputs_of_row(subject)) {}

  // What each feature adds when the features of `row` take the places of those of `other` in this
  // order.
  Status add(std::size_t row, std::size_t other, const std::vector<std::size_t>& order,
             std::vector<double>& to) {
    const std::size_t features = order.size();
    std::vector<float> points;
    points.reserve((features + 1) * width_);
    const auto from = std::span(subject_.background.inputs).subspan(other * width_, width_);
    const auto whole = std::span(subject_.rows.inputs).subspan(row * width_, width_);
    std::vector<float> point(from.begin(), from.end());
    points.insert(points.end(), point.begin(), point.end());
    for (const std::size_t feature : order) {
      for (const std::uint32_t input : inputs_[feature]) point[input] = whole[input];
      points.insert(points.end(), point.begin(), point.end());
    }
    TRIB_TRY(outputs, subject_.model.outputs(points));
    const std::size_t of_row = static_cast<std::size_t>(subject_.model.outputs_of_row());
    const std::size_t wanted = static_cast<std::size_t>(subject_.wanted[row]);
    for (std::size_t i = 0; i < features; ++i) {
      to[order[i]] += static_cast<double>(outputs[(i + 1) * of_row + wanted]) -
                      static_cast<double>(outputs[i * of_row + wanted]);
    }
    return {};
  }

 private:
  const Subject& subject_;
  std::vector<std::vector<std::uint32_t>> inputs_;
  std::size_t width_;
};

// Each order is followed by its reverse, from the same other row: their errors tend to cancel. The
// background's rows take turns.
Result<Sums> sample(const Subject& subject, Sampler& sampler, std::size_t row, std::size_t pairs) {
  SeededRandom random(derive_seed(subject.options.seed, "shap", row));
  std::vector<std::size_t> others(static_cast<std::size_t>(subject.background.rows));
  std::iota(others.begin(), others.end(), std::size_t{0});
  random.shuffle(others);
  const std::size_t features = subject.features.count;
  std::vector<std::size_t> order(features);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Sums sums{std::vector<double>(features, 0.0), std::vector<double>(features, 0.0)};
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    random.shuffle(order);
    std::vector<double> both(features, 0.0);
    const std::size_t other = others[pair % others.size()];
    TRIB_CHECK_OK(sampler.add(row, other, order, both));
    std::ranges::reverse(order);
    TRIB_CHECK_OK(sampler.add(row, other, order, both));
    for (std::size_t f = 0; f < features; ++f) {
      sums.values[f] += both[f] / 2.0;
      sums.squares[f] += both[f] * both[f] / 4.0;
    }
  }
  return sums;
}

// The mean output over the background, of each output.
Result<std::vector<double>> expected(const Subject& subject) {
  TRIB_TRY(outputs, subject.model.outputs(subject.background.inputs));
  std::vector<double> mean(static_cast<std::size_t>(subject.model.outputs_of_row()), 0.0);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    mean[i % mean.size()] += static_cast<double>(outputs[i]);
  for (double& one : mean) one /= static_cast<double>(subject.background.rows);
  return mean;
}

Result<Explanation> explain(const Subject& subject) {
  const std::size_t features = subject.features.count;
  if (features > kFeaturesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "is for at most " + std::to_string(kFeaturesMax) +
                          " features, and a row has " + std::to_string(features));
  }
  const std::size_t pairs = static_cast<std::size_t>((subject.options.permutations + 1) / 2);
  const double count = static_cast<double>(pairs);
  TRIB_TRY(mean, expected(subject));
  TRIB_TRY(given, subject.model.outputs(subject.rows.inputs));
  const std::vector<double> ends = wanted_of(subject, given);
  Sampler sampler(subject);
  Explanation found{{}, subject.rows.rows};
  found.sum_error = 0.0;
  for (std::size_t row = 0; row < ends.size(); ++row) {
    TRIB_TRY(sums, sample(subject, sampler, row, pairs));
    double sum = 0.0;
    for (std::size_t f = 0; f < features; ++f) {
      const double value = sums.values[f] / count;
      const double variance = std::max(0.0, sums.squares[f] / count - value * value);
      found.values.push_back(value);
      found.errors.push_back(std::sqrt(variance / std::max(count - 1.0, 1.0)));
      sum += value;
    }
    const double moved = ends[row] - mean[static_cast<std::size_t>(subject.wanted[row])];
    found.sum_error = std::max(*found.sum_error, std::abs(sum - moved));
  }
  return found;
}

}  // namespace

const ExplainMethod& shap_explain_method() {
  static constexpr ExplainMethod kMethod{
      .name = "shap",
      .help =
          "what each feature adds to the output, on average over the orders in which features "
          "become known, starting at another row of the site; all together give output - mean "
          "output (Shapley values by sampling, Strumbelj and Kononenko 2014)",
      .unit = "share of output - mean output",
      .pictures = false,
      .explain = explain};
  return kMethod;
}

}  // namespace tributary

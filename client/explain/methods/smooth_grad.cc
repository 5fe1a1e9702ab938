// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "client/explain/method.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

Result<Explanation> explain(const Subject& subject) {
  const auto [least, most] = std::ranges::minmax(subject.rows.inputs);
  const double deviation =
      subject.options.noise * (static_cast<double>(most) - static_cast<double>(least));
  std::vector<double> sum(subject.rows.inputs.size(), 0.0);
  for (std::int64_t sample = 0; sample < subject.options.samples; ++sample) {
    SeededRandom random(
        derive_seed(subject.options.seed, "smooth_grad", static_cast<std::uint64_t>(sample)));
    std::vector<float> noisy;
    noisy.reserve(sum.size());
    for (const float value : subject.rows.inputs) {
      const double drawn = random.normal();
      noisy.push_back(static_cast<float>(static_cast<double>(value) + deviation * drawn));
    }
    TRIB_TRY(gradients, subject.model.gradients(noisy, subject.wanted));
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(gradients[i]);
  }
  for (double& one : sum) one /= static_cast<double>(subject.options.samples);
  const std::size_t width = inputs_of_row(subject), features = subject.features.count;
  const std::size_t rows = static_cast<std::size_t>(subject.rows.rows);
  Explanation found{std::vector<double>(rows * features, 0.0), subject.rows.rows};
  for (std::size_t row = 0; row < rows; ++row) {
    add_largest(subject.features, std::span(sum).subspan(row * width, width),
                found.values.data() + row * features);
  }
  return found;
}

}  // namespace

const ExplainMethod& smooth_grad_explain_method() {
  static constexpr ExplainMethod kMethod{
      .name = "smooth_grad",
      .help = "saliency, of the mean gradient at noisy copies of a row (Smilkov et al. 2017)",
      .unit = "|mean of d output / d input|",
      .explain = explain};
  return kMethod;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/explain/method.h"

namespace tributary {
namespace {

Result<Explanation> explain(const Subject& subject) {
  TRIB_TRY(gradients, subject.model.gradients(subject.rows.inputs, subject.wanted));
  const std::vector<double> all(gradients.begin(), gradients.end());
  const std::size_t width = inputs_of_row(subject), features = subject.features.count;
  const std::size_t rows = static_cast<std::size_t>(subject.rows.rows);
  Explanation found{std::vector<double>(rows * features, 0.0), subject.rows.rows};
  for (std::size_t row = 0; row < rows; ++row) {
    add_largest(subject.features, std::span(all).subspan(row * width, width),
                found.values.data() + row * features);
  }
  return found;
}

}  // namespace

const ExplainMethod& saliency_explain_method() {
  static constexpr ExplainMethod kMethod{
      .name = "saliency",
      .help =
          "how fast the output moves with an input: the size of the gradient (Simonyan et al. "
          "2014)",
      .unit = "|d output / d input|",
      .explain = explain};
  return kMethod;
}

}  // namespace tributary

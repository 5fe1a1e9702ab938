// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "client/explain/method.h"
#include "common/base/assert.h"

namespace tributary {

Result<const ExplainMethod*> find_explain_method(std::string_view name) {
  std::string known;
  for (const ExplainMethod* method : explain_method_table()) {
    if (method->name == name) return method;
    known += (known.empty() ? "" : ", ") + std::string(method->name);
  }
  return make_error(ErrorCode::kInvalidArgument, "there is no method '" + std::string(name) +
                                                     "' of explaining; there are: " + known);
}

Result<std::vector<std::int64_t>> outputs_to_explain(ModelProbe& model, const ExampleSet& rows) {
  TRIB_TRY(outputs, model.outputs(rows.inputs));
  const std::size_t width = static_cast<std::size_t>(model.outputs_of_row());
  std::vector<std::int64_t> wanted;
  for (std::size_t at = 0; at < outputs.size(); at += width) {
    const auto row = std::span(outputs).subspan(at, width);
    if (!std::ranges::all_of(row, [](float value) { return std::isfinite(value); })) {
      return make_error(ErrorCode::kFailedPrecondition,
                        "the model's outputs are not finite numbers on this site's rows");
    }
    wanted.push_back(std::ranges::max_element(row) - row.begin());
  }
  return wanted;
}

Result<Explanation> explain_with(const ExplainMethod& method, const Subject& subject) {
  const bool pictures = subject.features.pictures();
  if (pictures ? !method.pictures : !method.others) {
    return make_error(ErrorCode::kInvalidArgument,
                      std::string(method.name) + " is " +
                          (pictures ? "not for pictures: take saliency, smooth_grad, "
                                      "integrated_gradients, grad_cam or occlusion"
                                    : "for pictures: for tables there are permutation, shap and "
                                      "others"));
  }
  TRIB_ASSERT(subject.rows.rows > 0, "there are rows to explain");
  Result<Explanation> found = method.explain(subject);
  if (!found) return std::move(found).error().with_context(method.name);
  TRIB_ASSERT(
      found->values.size() == static_cast<std::size_t>(found->entries) * subject.features.count,
      "a value for each feature of each entry");
  if (!std::ranges::all_of(found->values, [](double value) { return std::isfinite(value); })) {
    return make_error(ErrorCode::kFailedPrecondition,
                      std::string(method.name) + ": a value is no finite number");
  }
  return found;
}

std::size_t inputs_of_row(const Subject& subject) { return subject.features.of_input.size(); }

std::vector<float> baseline_of(const Subject& subject) {
  const std::size_t width = inputs_of_row(subject);
  std::vector<double> sum(width, 0.0);
  if (subject.options.baseline == Baseline::kMean) {
    const std::span<const float> inputs = subject.background.inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      sum[i % width] += static_cast<double>(inputs[i]);
  }
  std::vector<float> baseline;
  const auto rows = static_cast<double>(std::max<std::int64_t>(subject.background.rows, 1));
  for (const double one : sum) baseline.push_back(static_cast<float>(one / rows));
  return baseline;
}

std::vector<double> wanted_of(const Subject& subject, const std::vector<float>& outputs) {
  const std::size_t width = static_cast<std::size_t>(subject.model.outputs_of_row());
  std::vector<double> taken;
  for (std::size_t row = 0; row < subject.wanted.size(); ++row) {
    const std::size_t at = row * width + static_cast<std::size_t>(subject.wanted[row]);
    taken.push_back(static_cast<double>(outputs[at]));
  }
  return taken;
}

void add_largest(const Features& features, std::span<const double> of_inputs, double* to) {
  for (std::size_t i = 0; i < of_inputs.size(); ++i) {
    double& most = to[features.of_input[i]];
    most = std::max(most, std::abs(of_inputs[i]));
  }
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "client/explain/method.h"

namespace tributary {
namespace {

using Patch = std::vector<std::uint32_t>;  // features that are hidden together

// Squares that overlap by half, the last ones at the picture's edge.
std::vector<std::int64_t> starts_of(std::int64_t size, std::int64_t side) {
  std::vector<std::int64_t> starts;
  const std::int64_t stride = std::max<std::int64_t>(side / 2, 1);
  for (std::int64_t at = 0; at + side < size; at += stride) starts.push_back(at);
  starts.push_back(size - side);
  return starts;
}

std::vector<Patch> patches_of(const Subject& subject) {
  const Features& features = subject.features;
  std::vector<Patch> patches;
  if (!features.pictures()) {
    for (std::uint32_t i = 0; i < features.count; ++i) patches.push_back({i});
    return patches;
  }
  const std::int64_t smaller = std::min(features.height, features.width);
  const std::int64_t wanted = subject.options.patch > 0 ? subject.options.patch : smaller / 7;
  const std::int64_t side = std::clamp<std::int64_t>(wanted, 1, smaller);
  for (const std::int64_t top : starts_of(features.height, side)) {
    for (const std::int64_t left : starts_of(features.width, side)) {
      Patch& patch = patches.emplace_back();
      for (std::int64_t y = top; y < top + side; ++y) {
        for (std::int64_t x = left; x < left + side; ++x)
          patch.push_back(static_cast<std::uint32_t>(y * features.width + x));
      }
    }
  }
  return patches;
}

// What a feature is given is the mean over the patches that hide it.
Result<Explanation> explain(const Subject& subject) {
  const std::vector<float> baseline = baseline_of(subject);
  const auto inputs = subject.features.inputs();
  const std::size_t features = subject.features.count, width = baseline.size();
  const std::size_t rows = static_cast<std::size_t>(subject.rows.rows);
  TRIB_TRY(given, subject.model.outputs(subject.rows.inputs));
  const std::vector<double> whole = wanted_of(subject, given);
  Explanation found{std::vector<double>(rows * features, 0.0), subject.rows.rows};
  std::vector<double> hidden(features, 0.0);  // how often
  const std::vector<float> shown(subject.rows.inputs.begin(), subject.rows.inputs.end());
  for (const Patch& patch : patches_of(subject)) {
    std::vector<float> changed = shown;
    for (const std::uint32_t feature : patch) {
      hidden[feature] += 1.0;
      for (const std::uint32_t input : inputs[feature]) {
        for (std::size_t row = 0; row < rows; ++row) changed[row * width + input] = baseline[input];
      }
    }
    TRIB_TRY(outputs, subject.model.outputs(changed));
    const std::vector<double> left = wanted_of(subject, outputs);
    for (std::size_t row = 0; row < rows; ++row) {
      for (const std::uint32_t feature : patch)
        found.values[row * features + feature] += whole[row] - left[row];
    }
  }
  for (std::size_t i = 0; i < found.values.size(); ++i) found.values[i] /= hidden[i % features];
  return found;
}

}  // namespace

const ExplainMethod& occlusion_explain_method() {
  static constexpr ExplainMethod kMethod{
      .name = "occlusion",
      .help =
          "what the output loses where a part of the row is hidden behind the baseline (Zeiler "
          "and Fergus 2014)",
      .unit = "output - output without it",
      .explain = explain};
  return kMethod;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// What explanations are tried on: functions whose Shapley values and importances can be worked out
// by hand, in the place of a model.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "client/explain/method.h"
#include "common/base/random_source.h"

namespace tributary {

using Point = std::span<const float>;

// One output of each row, by a function; its gradient by differences in float64, unless it is
// given.
class FunctionProbe final : public ModelProbe {
 public:
  using Function = std::function<double(Point)>;
  using Gradient = std::function<std::vector<double>(Point)>;
  explicit FunctionProbe(std::size_t width, Function function, Gradient gradient = {})
      : width_(width), function_(std::move(function)), gradient_(std::move(gradient)) {}

  std::int64_t outputs_of_row() const override { return 1; }
  Result<std::vector<float>> outputs(std::span<const float> inputs) override {
    std::vector<float> all;
    for (std::size_t at = 0; at < inputs.size(); at += width_)
      all.push_back(static_cast<float>(function_(inputs.subspan(at, width_))));
    return all;
  }
  Result<std::vector<float>> gradients(std::span<const float> inputs,
                                       std::span<const std::int64_t>) override {
    std::vector<float> all;
    for (std::size_t at = 0; at < inputs.size(); at += width_) {
      for (const double one : gradient_(inputs.subspan(at, width_)))
        all.push_back(static_cast<float>(one));
    }
    return all;
  }
  Result<FeatureMaps> feature_maps(std::span<const float>, std::span<const std::int64_t>) override {
    return make_error(ErrorCode::kFailedPrecondition, "a function has none");
  }

 private:
  std::size_t width_;
  Function function_;
  Gradient gradient_;
};

inline Features single_features(std::size_t count) {
  Features features;
  features.count = count;
  for (std::size_t i = 0; i < count; ++i) {
    features.names.push_back("x" + std::to_string(i));
    features.of_input.push_back(static_cast<std::uint32_t>(i));
  }
  return features;
}

inline ExampleSet normal_rows(std::int64_t rows, std::int64_t width, std::uint64_t seed) {
  SeededRandom random(seed);
  ExampleSet data{{width}, rows, {}, {}, {}};
  for (std::int64_t i = 0; i < rows * width; ++i)
    data.inputs.push_back(static_cast<float>(random.normal()));
  return data;
}

inline double at(const ExampleSet& data, std::size_t row, std::size_t column) {
  const std::size_t width = data.inputs.size() / static_cast<std::size_t>(data.rows);
  return static_cast<double>(data.inputs[row * width + column]);
}

inline Explanation explained(const char* method, const Subject& subject) {
  auto found = explain_with(**find_explain_method(method), subject);
  EXPECT_TRUE(found) << method << ": " << (found ? "" : found.error().message);
  return found ? *std::move(found) : Explanation{};
}

inline std::vector<std::int64_t> first_outputs(const ExampleSet& rows) {
  return std::vector<std::int64_t>(static_cast<std::size_t>(rows.rows), 0);
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/explain/features.h"

#include <algorithm>

namespace tributary {
namespace {

std::size_t product(const std::vector<std::int64_t>& shape) {
  std::size_t all = 1;
  for (const std::int64_t size : shape) all *= static_cast<std::size_t>(size);
  return all;
}

Features of_picture(const std::vector<std::int64_t>& shape) {
  Features features;
  features.height = shape[1];
  features.width = shape[2];
  features.count = static_cast<std::size_t>(shape[1] * shape[2]);
  for (std::size_t i = 0; i < product(shape); ++i)
    features.of_input.push_back(static_cast<std::uint32_t>(i % features.count));
  return features;
}

}  // namespace

std::vector<std::vector<std::uint32_t>> Features::inputs() const {
  std::vector<std::vector<std::uint32_t>> all(count);
  for (std::size_t i = 0; i < of_input.size(); ++i)
    all[of_input[i]].push_back(static_cast<std::uint32_t>(i));
  return all;
}

Result<Features> features_of_inputs(const DataSpec& data, const DataPlan& plan,
                                    const std::vector<std::int64_t>& input_shape) {
  const std::size_t inputs = product(input_shape);
  if (data.features.empty()) {
    if (input_shape.size() == 3 && (input_shape[0] == 1 || input_shape[0] == 3))
      return of_picture(input_shape);
    Features features;
    features.count = inputs;
    for (std::size_t i = 0; i < inputs; ++i) {
      features.names.push_back("place " + std::to_string(i + 1));
      features.of_input.push_back(static_cast<std::uint32_t>(i));
    }
    return features;
  }
  Features features;
  std::vector<std::uint32_t> of_column;  // of one row of the table
  for (const InputColumn& input : input_columns(data, plan)) {
    if (features.names.empty() || features.names.back() != input.column)
      features.names.push_back(input.column);
    of_column.push_back(static_cast<std::uint32_t>(features.names.size() - 1));
  }
  if (of_column.empty() || inputs % of_column.size() != 0 ||
      (inputs != of_column.size() && input_shape.size() < 2)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the job's columns make " + std::to_string(of_column.size()) +
                          " inputs and a row has " + std::to_string(inputs));
  }
  features.count = features.names.size();
  for (std::size_t i = 0; i < inputs; ++i)
    features.of_input.push_back(of_column[i % of_column.size()]);
  return features;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/update_check.h"

#include <cmath>
#include <sstream>

#include "common/base/limits.h"
#include "common/base/text.h"

namespace tributary {
namespace {

// "tensor 'fc1.weight', value 17 (of 400)"
std::string place_of(const Layout& layout, std::size_t index) {
  for (const TensorInfo& tensor : layout.tensors) {
    const std::size_t count = element_count(tensor);
    if (index < count) {
      return "tensor " + tributary::quoted(tensor.name) + ", value " + std::to_string(index) +
             " of " + std::to_string(count);
    }
    index -= count;
  }
  return "beyond the model";
}

}  // namespace

CheckedUpdate check_update(const AggregationSpec& spec, const Layout& expected, const Model& update,
                           std::uint64_t examples) {
  if (examples == 0 || examples > limits::kExamplesMax) {
    return {Reason::kOutOfBounds, std::to_string(examples) + " training rows are impossible", 0.0};
  }
  if (std::string difference = layout_difference(expected, update.layout); !difference.empty()) {
    return {Reason::kWrongShape, std::move(difference), 0.0};
  }
  for (std::size_t i = 0; i < update.values.size(); ++i) {
    const double value = static_cast<double>(update.values[i]);
    if (!std::isfinite(value))
      return {Reason::kNotFinite, place_of(expected, i) + " is no finite number", 0.0};
    if (std::abs(value) > spec.coordinate_bound) {
      std::ostringstream text;
      text << place_of(expected, i) << " is " << value << ", beyond aggregate.coordinate_bound "
           << spec.coordinate_bound;
      return {Reason::kOutOfBounds, text.str(), 0.0};
    }
  }
  return {Reason::kAccepted, {}, l2_norm(update.values)};
}

}  // namespace tributary

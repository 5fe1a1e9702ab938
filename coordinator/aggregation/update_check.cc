// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/update_check.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <sstream>
#include <vector>

#include "common/base/assert.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/tensor/kernels.h"

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

// What is wrong in a block that has something wrong; its first value is value `start` of the model.
CheckedUpdate first_fault(const AggregationSpec& spec, const Layout& layout,
                          std::span<const float> block, std::size_t start) {
  const auto bad = std::ranges::find_if(block, [&spec](float value) {
    return !(std::abs(static_cast<double>(value)) <= spec.coordinate_bound);
  });
  TRIB_ASSERT(bad != block.end(), "a block without a fault");
  const std::string place = place_of(layout, start + static_cast<std::size_t>(bad - block.begin()));
  if (!std::isfinite(*bad)) return {Reason::kNotFinite, place + " is no finite number", 0.0};
  std::ostringstream text;
  text << place << " is " << *bad << ", beyond aggregate.coordinate_bound "
       << spec.coordinate_bound;
  return {Reason::kOutOfBounds, text.str(), 0.0};
}

}  // namespace

Result<CheckedUpdate> check_update(const AggregationSpec& spec, const Layout& expected,
                                   ValueSource& update, std::uint64_t examples, std::size_t model) {
  if (examples == 0 || examples > limits::kExamplesMax) {
    return CheckedUpdate{Reason::kOutOfBounds,
                         std::to_string(examples) + " training rows are impossible", 0.0};
  }
  if (std::string difference = layout_difference(expected, update.layout()); !difference.empty())
    return CheckedUpdate{Reason::kWrongShape, std::move(difference), 0.0};
  std::vector<float> block(std::min(kBlockValues, expected.element_count()));
  double squares = 0.0;
  std::size_t at = 0;
  while (true) {
    TRIB_TRY(count, update.read(block));
    if (count == 0) break;
    const auto part = std::span<const float>(block).first(count);
    const BlockFacts facts = examine_block(part, spec.coordinate_bound);
    if (!facts.within) return first_fault(spec, expected, part, at);
    squares +=
        at + count <= model
            ? facts.squares
            : examine_block(part.first(model - std::min(model, at)), spec.coordinate_bound).squares;
    at += count;
  }
  return CheckedUpdate{Reason::kAccepted, {}, std::sqrt(squares)};
}

}  // namespace tributary

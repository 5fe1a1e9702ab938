// SPDX-License-Identifier: Apache-2.0
// Layout: names and shapes of a model's tensors, in order; Model: a layout and all its float32
// values, flat, in that order. Plain values, any thread. No arithmetic here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace tributary {

struct TensorInfo {
  std::string name;
  std::vector<std::int64_t> shape;  // empty: a scalar
  bool operator==(const TensorInfo&) const = default;
};

// Number of values; the shape has been validated.
std::size_t element_count(const TensorInfo& tensor);

struct Layout {
  std::vector<TensorInfo> tensors;

  std::size_t element_count() const;
  bool operator==(const Layout&) const = default;
};

struct Model {
  Layout layout;
  std::vector<float> values;
  bool operator==(const Model&) const = default;
};

// Names unique and within limits, dimensions not negative, the product without overflow.
Status validate_layout(const Layout& layout);
// What the first difference is ("tensor 'fc1.weight' is [200, 784], not [100, 784]"); empty when
// they are equal.
std::string layout_difference(const Layout& expected, const Layout& got);

}  // namespace tributary

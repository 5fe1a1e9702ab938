// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/value_stream.h"

#include <algorithm>

namespace tributary {

Result<std::size_t> ModelSource::read(std::span<float> into) {
  const std::size_t count = std::min(into.size(), rest_.size());
  std::ranges::copy(rest_.first(count), into.begin());
  rest_ = rest_.subspan(count);
  return count;
}

Status ModelSink::write(std::span<const float> values) {
  model_.values.insert(model_.values.end(), values.begin(), values.end());
  return {};
}

}  // namespace tributary

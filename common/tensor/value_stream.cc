// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/value_stream.h"

#include <algorithm>

namespace tributary {

Result<StoredValues> ValueSource::read_stored(std::size_t count, std::vector<float>& room) {
  if (room.size() < count) room.resize(count);
  TRIB_TRY(got, read(std::span(room).first(count)));
  return StoredValues::of(std::span(room).first(got));
}

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

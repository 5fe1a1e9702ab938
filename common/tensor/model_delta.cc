// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/model_delta.h"

#include <algorithm>
#include <vector>

#include "common/tensor/encoding.h"

namespace tributary {
namespace {

using TakePair = std::function<Status(std::span<float> first, std::span<const float> second)>;

Error wrong(const std::string& what) {
  return make_error(ErrorCode::kDataLoss, "a model and its delta do not fit: " + what);
}

// Both side by side, in chunks.
Status read_both(ValueSource& first, ValueSource& second, const TakePair& take) {
  if (first.layout() != second.layout())
    return wrong(layout_difference(first.layout(), second.layout()));
  const std::size_t all = first.layout().element_count();
  std::vector<float> left(std::min(kChunkValues, all)), right(left.size());
  for (std::size_t at = 0; at < all; at += left.size()) {
    const std::size_t count = std::min(left.size(), all - at);
    const auto left_part = std::span(left).first(count), right_part = std::span(right).first(count);
    TRIB_TRY(left_count, first.read(left_part));
    TRIB_TRY(right_count, second.read(right_part));
    if (left_count != count || right_count != count) return wrong("one ends before the other");
    TRIB_CHECK_OK(take(left_part, right_part));
  }
  return {};
}

}  // namespace

Status write_delta(const EncodingChoice& choice, const OpenModel& base, const OpenModel& target,
                   std::uint64_t seed, const std::function<Status(ByteView)>& out) {
  TRIB_TRY(first, base());
  const Layout layout = first->layout();
  const auto pass = [&](const AllValues::Take& take) -> Status {
    TRIB_TRY(before, base());
    TRIB_TRY(after, target());
    return read_both(*after, *before,
                     [&take](std::span<float> values, std::span<const float> less) {
                       for (std::size_t i = 0; i < values.size(); ++i) values[i] -= less[i];
                       return take(values);
                     });
  };
  return write_update(choice, layout, {layout.element_count(), pass}, seed, out);
}

Status apply_delta(ValueSource& base, ValueSource& delta, ValueSink& next) {
  return read_both(base, delta, [&next](std::span<float> values, std::span<const float> more) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += more[i];
    return next.write(values);
  });
}

}  // namespace tributary

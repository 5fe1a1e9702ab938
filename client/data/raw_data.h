// SPDX-License-Identifier: Apache-2.0
// A dataset as its loader gives it, and the rows of it that a job uses. Inside this room only.
// Plain functions, any thread.
#pragma once

#include "client/data/dataset.h"
#include "client/data/loader.h"
#include "client/data/split.h"

namespace tributary {

LoadContext context_of(const DatasetSource& source);
// Faulty records beyond their share are an error.
Result<RawData> read_raw(const DatasetSource& source, const DataSpec& spec, LoadContext& context);

// The rows that are used; arrays have no incomplete ones.
RowSplit split_of(const RawData& raw, const DataSpec& spec, std::uint64_t seed);
// Left out: incomplete or without a label.
std::uint64_t dropped_of(const RawData& raw, const RowSplit& split);

// Files may be larger than the site's memory; that is the task's failure, not the site's.
template <typename Action>
auto within_memory(Action action) -> decltype(action()) {
  try {
    return action();
  } catch (const std::bad_alloc&) {
    return make_error(ErrorCode::kResourceExhausted,
                      "the site's dataset does not fit in its memory");
  }
}

}  // namespace tributary

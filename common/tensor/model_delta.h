// SPDX-License-Identifier: Apache-2.0
// A model as what changed since the one before, for whoever holds that one: next = base + delta.
// A delta is the file of an update (README.md), in any encoding. Whoever writes deltas keeps the
// model as it should be (the target) and publishes next, which follows it: what an encoding leaves
// out of one delta is in the next one's target - base, so nothing is lost (error feedback, as
// update_encoding.h has for updates; for models: Tang et al. 2019, "DoubleSqueeze"). Plain
// functions, any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/tensor/update_encoding.h"
#include "common/tensor/value_stream.h"

namespace tributary {

// Whether models in this encoding are sent as deltas; every value as it is would save nothing.
inline bool makes_deltas(const EncodingChoice& choice) {
  return choice.name != "fp32" || choice.zstd > 0;
}

// A model that is read from its first value each time.
using OpenModel = std::function<Result<std::unique_ptr<ValueSource>>()>;

// The file of target - base, in order, at most a chunk's bytes at a time; holds no more than chunks
// of both. The same bytes for the same arguments (and the same zstd). Both are read up to five
// times. kInvalidArgument: as encode_update; kDataLoss: their layouts differ; other errors are
// those of the models and of `out`.
Status write_delta(const EncodingChoice& choice, const OpenModel& base, const OpenModel& target,
                   std::uint64_t seed, const std::function<Status(ByteView)>& out);

// base + delta, each value rounded once to float32: the same bits for everybody. Block by block.
// kDataLoss: another layout, or one of the two ends too early; other errors are those of the three.
Status apply_delta(ValueSource& base, ValueSource& delta, ValueSink& next);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// ValueSource and ValueSink: a model's values in order, a block at a time, so that nobody needs to
// hold a model that lies in a file. One owner each, one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/tensor/layout.h"
#include "common/tensor/stored_values.h"

namespace tributary {

// Fills its span with what a file has from `offset` on; asked for nothing beyond the file's end.
using ReadAt = std::function<Status(std::uint64_t offset, MutableByteView into)>;

class ValueSource {
 public:
  virtual ~ValueSource() = default;
  virtual const Layout& layout() const = 0;
  // The next values, as many as fit; fewer only at the end, none after it. A failure is that of the
  // file it reads.
  virtual Result<std::size_t> read(std::span<float> into) = 0;
  // The next values, at most `count` and none only at the end, as the file has them where they are
  // in a form of StoredValues, and otherwise decoded. They lie in `room` or with the source, until
  // the next call.
  virtual Result<StoredValues> read_stored(std::size_t count, std::vector<float>& room);
};

class ValueSink {
 public:
  virtual ~ValueSink() = default;
  virtual Status write(std::span<const float> values) = 0;
};

// Of a model in memory, which outlives it.
class ModelSource final : public ValueSource {
 public:
  explicit ModelSource(const Model& model) : model_(model), rest_(model.values) {}
  const Layout& layout() const override { return model_.layout; }
  Result<std::size_t> read(std::span<float> into) override;

 private:
  const Model& model_;
  std::span<const float> rest_;
};

// Into the values of a model in memory, which outlives it.
class ModelSink final : public ValueSink {
 public:
  explicit ModelSink(Model& model) : model_(model) { model.values.clear(); }
  Status write(std::span<const float> values) override;

 private:
  Model& model_;
};

}  // namespace tributary

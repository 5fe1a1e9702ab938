// SPDX-License-Identifier: Apache-2.0
// Arrays as files hold them, read value by value, and what loaders of arrays have in common. Inside
// this room only. One thread each.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/data/loader.h"
#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tributary {

enum class ScalarType { kU8, kI8, kI16, kI32, kI64, kU16, kU32, kF32, kF64, kBool };
std::size_t scalar_bytes(ScalarType type);

// Fewer bytes than asked for only at the end.
using ReadBytes = std::function<Result<std::size_t>(MutableByteView)>;
// Errors: kDataLoss, "is cut short".
Status read_exactly(const ReadBytes& read, MutableByteView into);

struct ArrayHead {
  ScalarType type = ScalarType::kU8;
  bool big_endian = false;
  std::vector<std::int64_t> shape;
};

// Product of the shape; none where it is negative or over kDatasetBytesMax.
std::optional<std::uint64_t> product_of(const std::vector<std::int64_t>& shape);

// One array's values in order, in pieces: never the whole array.
class ArrayReader {
 public:
  // `name`: of the array or its file, in errors; `read` stands behind the head. Errors: a shape
  // that is larger than any dataset, or than `bytes_max`, what a file of that size can hold.
  static Result<ArrayReader> open(std::string name, ArrayHead head, ReadBytes read,
                                  std::uint64_t bytes_max);

  const std::vector<std::int64_t>& shape() const { return head_.shape; }
  const std::string& name() const { return name_; }
  // Exactly so many values; kDataLoss where the bytes end before.
  Status next(std::span<double> into);
  // After the last value: kDataLoss where there are more bytes than the head says. Reading on to
  // the end also checks the sum of a .gz.
  Status end();

 private:
  ArrayReader(std::string name, ArrayHead head, ReadBytes read)
      : name_(std::move(name)), head_(std::move(head)), read_(std::move(read)) {}
  Status fill();

  std::string name_;
  ArrayHead head_;
  ReadBytes read_;
  std::uint64_t bytes_left_ = 0;  // to be read
  Bytes piece_ = {};
  std::size_t at_ = 0;  // in the piece
};

// What a file of so many bytes can hold at most where it is compressed: deflate's bound.
std::uint64_t inflated_max(std::uint64_t file_bytes);

// First dimension = rows of both; inputs and labels shaped as the job says. `labels`: null where
// the job wants none. A row with a value that is no finite number or with a label that is no class
// is a faulty record. The error may leave the site, but for the arrays' names.
Result<ExampleSet> examples_of(ArrayReader& inputs, ArrayReader* labels, const DataSpec& spec,
                               LoadContext& context);

}  // namespace tributary

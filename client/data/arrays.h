// SPDX-License-Identifier: Apache-2.0
// Arrays as files hold them, and what loaders of arrays have in common. Inside this room only. Any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/data/example_set.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

enum class ScalarType { kU8, kI8, kI16, kI32, kI64, kU16, kU32, kF32, kF64, kBool };
std::size_t scalar_bytes(ScalarType type);

struct Array {
  ScalarType type = ScalarType::kU8;
  bool big_endian = false;
  std::vector<std::int64_t> shape;
  Bytes bytes;

  std::size_t count() const { return bytes.size() / scalar_bytes(type); }
  double at(std::size_t index) const;
};

// Product of the shape; none where it is negative or over kDatasetBytesMax.
std::optional<std::uint64_t> product_of(const std::vector<std::int64_t>& shape);

// First dimension = rows of both; shaped as the job says. Labels: null where the site has none,
// which is for data.task: unlabelled only; those that are there are then not looked at. The error
// may leave the site.
Result<ExampleSet> examples_of(const Array& inputs, const Array* labels, const DataSpec& spec);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Which rows train and which validate. Plain functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tributary {

struct RowSplit {
  std::vector<std::size_t> training;    // ascending
  std::vector<std::size_t> validation;  // ascending
};

// round(rows * fraction) validation rows, drawn by the job's seed: the same for every task of the
// job.
RowSplit split_rows(const std::vector<std::size_t>& rows, double fraction, std::uint64_t seed);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// Evaluation counts as a list of numbers and back, so that they can be summed where nobody sees
// them. The list's length follows from the job's data alone. Plain functions, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/domain/evaluation.h"

namespace tributary {

// How many classes, bins, confusions and numbers of n-grams the counts of a job with this data
// have.
std::size_t counted_classes(const DataSpec& data);
std::size_t counted_bins(const DataSpec& data);
std::size_t counted_confusion(const DataSpec& data);
std::size_t counted_ngrams(const DataSpec& data);
std::size_t counted_numbers(const DataSpec& data);
// Counts that fit() the data; of no rows, and of what is not told, zeros.
std::vector<std::uint64_t> numbers_of(const EvaluationCounts& counts, const DataSpec& data);
// Of as many numbers as counted_numbers() says.
EvaluationCounts counts_of(std::span<const std::uint64_t> numbers, const DataSpec& data);

}  // namespace tributary

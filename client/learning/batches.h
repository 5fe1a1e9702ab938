// SPDX-License-Identifier: Apache-2.0
// Batches: which rows make up each batch. Rows are shuffled anew each epoch from the seed; the last
// batch of an epoch may be smaller; where one batch holds all rows they keep their order. One
// owner, one thread. It holds no data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/random_source.h"

namespace tributary {

class Batches {
 public:
  // rows > 0; batch_size 0 = all rows in one batch.
  Batches(std::size_t rows, std::int64_t batch_size, std::uint64_t seed);

  std::size_t batch_size() const { return batch_size_; }  // at most the number of rows
  std::uint64_t per_epoch() const { return (order_.size() + batch_size_ - 1) / batch_size_; }
  // The rows of the next batch, going on over epoch ends; valid until the next call.
  std::span<const std::uint32_t> next();
  // Rows that next() has given so far, each as often as it was given.
  std::uint64_t drawn() const { return drawn_; }
  // The rows of the batch after that, where they are known already: not across the end of an epoch.
  std::span<const std::uint32_t> coming() const;
  // As many calls of next(): a training that goes on draws the shuffles before it anew.
  void skip(std::uint64_t batches);

 private:
  SeededRandom random_;
  std::vector<std::uint32_t> order_;
  std::size_t batch_size_;
  std::size_t position_;
  std::uint64_t drawn_ = 0;
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/learning/batches.h"

#include <algorithm>
#include <numeric>

#include "common/base/assert.h"
#include "common/base/limits.h"

namespace tributary {

Batches::Batches(std::size_t rows, std::int64_t batch_size, std::uint64_t seed)
    : random_(seed), order_(rows), batch_size_(rows), position_(rows) {
  TRIB_ASSERT(rows > 0 && rows <= limits::kExamplesMax,
              "batches need between 1 and kExamplesMax rows");
  if (batch_size > 0) batch_size_ = std::min(rows, static_cast<std::size_t>(batch_size));
  std::iota(order_.begin(), order_.end(), 0U);
}

std::span<const std::uint32_t> Batches::next() {
  if (position_ >= order_.size()) {
    if (batch_size_ < order_.size()) random_.shuffle(order_);
    position_ = 0;
  }
  const std::size_t size = std::min(batch_size_, order_.size() - position_);
  const std::span<const std::uint32_t> batch(order_.data() + position_, size);
  position_ += size;
  drawn_ += size;
  return batch;
}

std::span<const std::uint32_t> Batches::coming() const {
  const std::size_t size = std::min(batch_size_, order_.size() - position_);
  return {order_.data() + position_, size};
}

void Batches::skip(std::uint64_t batches) {
  for (std::uint64_t i = 0; i < batches; ++i) next();
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/keyed_random.h"

namespace tributary {

KeyedRandom::~KeyedRandom() { wipe(pool_); }

std::uint64_t KeyedRandom::next_u64() {
  if (used_ == pool_.size()) {
    stream_.read_at(offset_, pool_);
    offset_ += pool_.size();
    used_ = 0;
  }
  const auto value = get_little_endian<std::uint64_t>(pool_.data() + used_);
  used_ += sizeof value;
  return value;
}

}  // namespace tributary

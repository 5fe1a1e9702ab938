// SPDX-License-Identifier: Apache-2.0
// Shamir's secret sharing (1979) of 32-byte secrets: any `threshold` shares give the secret back,
// fewer say nothing of it. A secret is five numbers of at most seven bytes, big-endian, each the
// value at 0 of a random polynomial of degree threshold - 1 over the field of 2^61 - 1; a share is
// their values at its point. Plain functions, any thread. That a share is right is not told here:
// whoever puts a secret together compares it with what its owner committed to.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/random_source.h"
#include "common/base/result.h"
#include "common/crypto/key_material.h"

namespace tributary {

struct Share {
  std::uint64_t point = 0;                // 1 to the number of shares
  std::array<std::uint64_t, 5> values{};  // below the prime
};

// `count` shares, at the points 1, 2, ... `random` is SecureRandom wherever it matters.
// kInvalidArgument: a threshold of 0, or above `count`.
Result<std::vector<Share>> share_secret(const SecretKey& secret, std::size_t threshold,
                                        std::size_t count, RandomSource& random);
// Of exactly the threshold's number of shares. kInvalidArgument: none, a point of 0 or twice, a
// value that is none of the field's. kDataLoss: what comes out is no secret, so some share is
// wrong; a wrong secret may as well come out.
Result<SecretKey> join_shares(std::span<const Share> shares);

}  // namespace tributary

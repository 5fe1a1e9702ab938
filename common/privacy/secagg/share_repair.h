// SPDX-License-Identifier: Apache-2.0
// Puts a secret together from shares of which some may be wrong, and tells which: the errors of a
// Reed-Solomon code (Berlekamp and Welch 1986), as a polynomial's values with wrong ones among them
// are one. Plain functions, any thread; its time grows with the cube of the number of shares.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/privacy/secagg/shamir.h"

namespace tributary {

struct RecoveredSecret {
  SecretKey secret;
  std::vector<std::uint64_t> wrong;  // points whose shares do not belong to it
};

// `fits`: whether a secret is what its owner committed to. At most half of the shares beyond the
// threshold may be wrong. kInvalidArgument: fewer shares than `threshold`, or join_shares' own.
// kDataLoss: too many are wrong, or the owner shared something else.
Result<RecoveredSecret> recover_secret(std::span<const Share> shares, std::size_t threshold,
                                       const std::function<bool(const SecretKey&)>& fits);

}  // namespace tributary

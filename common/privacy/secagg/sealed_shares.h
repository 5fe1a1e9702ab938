// SPDX-License-Identifier: Apache-2.0
// The two shares that a member gives a neighbour, as one sealed text of 96 bytes. Plain functions,
// any thread.
#pragma once

#include <cstdint>
#include <utility>

#include "common/crypto/key_material.h"
#include "common/privacy/secagg/shamir.h"

namespace tributary {

Bytes seal_shares(const SecretKey& key, const Share& of_mask_key, const Share& of_own_mask,
                  ByteView associated);
// The same two, which lie at `point`. kUnauthenticated: not sealed so. kInvalidArgument: a number
// that is none of the field's.
Result<std::pair<Share, Share>> unseal_shares(const SecretKey& key, ByteView sealed,
                                              std::uint64_t point, ByteView associated);

}  // namespace tributary

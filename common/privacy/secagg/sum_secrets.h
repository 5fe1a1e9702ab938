// SPDX-License-Identifier: Apache-2.0
// Keys that members of a secure sum derive from their secrets, each for one use. Both sides derive
// them here: a member its own, the coordinator those of a secret that it put together. Plain
// functions, any thread.
#pragma once

#include <cstddef>

#include "common/base/bytes.h"
#include "common/crypto/key_material.h"
#include "common/domain/secure_sum.h"

namespace tributary {

// Which of the two vectors of an input a mask is for.
enum class SumPart { kNumbers, kWide };

// Between two members, from one's secret and the other's public key. kInvalidArgument: agree()'s.
Result<SecretKey> pair_secret(const SecretKey& own, const SumPublicKey& other);
// The mask that `low` adds and `high` subtracts.
SecretKey pair_mask_key(const SecretKey& pair, const Digest& session, SumPart part, std::size_t low,
                        std::size_t high);
// The mask of a member's own.
SecretKey own_mask_key(const SecretKey& secret, const Digest& session, SumPart part);
// That seals what `from` tells `to`, once.
SecretKey share_key(const SecretKey& pair, const Digest& session, std::size_t from, std::size_t to);
Bytes share_associated_data(const Digest& session, std::size_t from, std::size_t to);
// To the secret of a member's own mask.
Digest own_secret_commitment(const Digest& session, std::size_t member, const SecretKey& secret);

}  // namespace tributary

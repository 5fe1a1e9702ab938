// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sealed_shares.h"

#include <algorithm>

#include "common/privacy/secagg/field.h"

namespace tributary {
namespace {

constexpr std::size_t kValues = std::tuple_size_v<decltype(Share::values)>;
constexpr std::size_t kShareBytes = kValues * sizeof(std::uint64_t);

void put(MutableByteView to, const Share& share) {
  for (std::size_t i = 0; i < kValues; ++i)
    put_little_endian(to.data() + i * sizeof(std::uint64_t), share.values[i]);
}

Result<Share> get(ByteView from, std::uint64_t point) {
  Share share{point, {}};
  for (std::size_t i = 0; i < kValues; ++i)
    share.values[i] = get_little_endian<std::uint64_t>(from.data() + i * sizeof(std::uint64_t));
  const bool fits =
      std::ranges::all_of(share.values, [](std::uint64_t value) { return value < field::kPrime; });
  if (fits) return share;
  return make_error(ErrorCode::kInvalidArgument, "a share is outside of the field");
}

}  // namespace

Bytes seal_shares(const SecretKey& key, const Share& of_mask_key, const Share& of_own_mask,
                  ByteView associated) {
  std::array<std::byte, 2 * kShareBytes> plain;
  put(MutableByteView(plain).first(kShareBytes), of_mask_key);
  put(MutableByteView(plain).last(kShareBytes), of_own_mask);
  Bytes sealed = seal(key, plain, associated);
  wipe(plain);
  return sealed;
}

Result<std::pair<Share, Share>> unseal_shares(const SecretKey& key, ByteView sealed,
                                              std::uint64_t point, ByteView associated) {
  TRIB_TRY(plain, open_sealed(key, sealed, associated));
  if (plain.size() != 2 * kShareBytes)
    return make_error(ErrorCode::kInvalidArgument, "these are not two shares");
  TRIB_TRY(of_mask_key, get(ByteView(plain).first(kShareBytes), point));
  TRIB_TRY(of_own_mask, get(ByteView(plain).last(kShareBytes), point));
  wipe(plain);
  return std::pair(of_mask_key, of_own_mask);
}

}  // namespace tributary

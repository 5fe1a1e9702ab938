// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/shamir.h"

#include <algorithm>

#include "common/privacy/secagg/field.h"

namespace tributary {
namespace {

using Chunks = std::array<std::uint64_t, 5>;
constexpr std::array<std::size_t, 5> kChunkBytes = {7, 7, 7, 7, 4};

Chunks chunks_of(const SecretKey& secret) {
  Chunks chunks{};
  auto byte = secret.value().begin();
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    for (std::size_t k = 0; k < kChunkBytes[i]; ++k)
      chunks[i] = chunks[i] << 8 | std::to_integer<std::uint64_t>(*byte++);
  }
  return chunks;
}

Result<SecretKey> secret_of(const Chunks& chunks) {
  SecretKey::Value secret{};
  auto byte = secret.begin();
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (chunks[i] >> (8 * kChunkBytes[i]) != 0)
      return make_error(ErrorCode::kDataLoss, "the shares are not those of one secret");
    for (std::size_t k = kChunkBytes[i]; k-- > 0;)
      *byte++ = static_cast<std::byte>(chunks[i] >> (8 * k) & 0xff);
  }
  return SecretKey(secret);
}

std::uint64_t random_element(RandomSource& random) { return random.uniform_below(field::kPrime); }

Status check(std::span<const Share> shares) {
  std::vector<std::uint64_t> points;
  for (const Share& share : shares) {
    const bool fits = std::ranges::all_of(
        share.values, [](std::uint64_t value) { return value < field::kPrime; });
    if (!fits || share.point >= field::kPrime)
      return make_error(ErrorCode::kInvalidArgument, "a share is outside of the field");
    points.push_back(share.point);
  }
  std::ranges::sort(points);
  if (points.empty() || points.front() == 0)
    return make_error(ErrorCode::kInvalidArgument, "no shares, or one at the point 0");
  if (std::ranges::adjacent_find(points) != points.end())
    return make_error(ErrorCode::kInvalidArgument, "two shares at one point");
  return {};
}

}  // namespace

Result<std::vector<Share>> share_secret(const SecretKey& secret, std::size_t threshold,
                                        std::size_t count, RandomSource& random) {
  if (threshold == 0 || threshold > count) {
    return make_error(ErrorCode::kInvalidArgument, "a threshold of " + std::to_string(threshold) +
                                                       " of " + std::to_string(count) + " shares");
  }
  std::vector<Chunks> coefficients = {chunks_of(secret)};
  while (coefficients.size() < threshold) {
    Chunks& next = coefficients.emplace_back();
    std::ranges::generate(next, [&random] { return random_element(random); });
  }
  std::vector<Share> shares(count);
  for (std::size_t i = 0; i < count; ++i) {
    shares[i].point = i + 1;
    for (auto one = coefficients.rbegin(); one != coefficients.rend(); ++one) {  // Horner's rule
      for (std::size_t k = 0; k < one->size(); ++k) {
        std::uint64_t& value = shares[i].values[k];
        value = field::add(field::multiply(value, shares[i].point), (*one)[k]);
      }
    }
  }
  return shares;
}

// Lagrange's interpolation at 0.
Result<SecretKey> join_shares(std::span<const Share> shares) {
  TRIB_CHECK_OK(check(shares));
  Chunks sums{};
  for (const Share& share : shares) {
    std::uint64_t above = 1, below = 1;
    for (const Share& other : shares) {
      if (other.point == share.point) continue;
      above = field::multiply(above, other.point);
      below = field::multiply(below, field::subtract(other.point, share.point));
    }
    const std::uint64_t weight = field::multiply(above, field::inverse(below));
    for (std::size_t k = 0; k < sums.size(); ++k)
      sums[k] = field::add(sums[k], field::multiply(weight, share.values[k]));
  }
  return secret_of(sums);
}

}  // namespace tributary

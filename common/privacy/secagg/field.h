// SPDX-License-Identifier: Apache-2.0
// The field of integers modulo the Mersenne prime 2^61 - 1, in which secrets are shared. Values are
// below the prime. Plain functions, any thread.
#pragma once

#include <cstdint>

namespace tributary::field {

inline constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;

inline std::uint64_t reduced(std::uint64_t value) {
  value = (value & kPrime) + (value >> 61);
  return value >= kPrime ? value - kPrime : value;
}
inline std::uint64_t add(std::uint64_t a, std::uint64_t b) { return reduced(a + b); }
inline std::uint64_t subtract(std::uint64_t a, std::uint64_t b) { return reduced(a + kPrime - b); }
inline std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{a} * b;
  const auto low = static_cast<std::uint64_t>(product) & kPrime;
  return reduced(low + static_cast<std::uint64_t>(product >> 61));
}
// Of a value that is not 0: Fermat's little theorem.
inline std::uint64_t inverse(std::uint64_t a) {
  std::uint64_t result = 1;
  for (std::uint64_t exponent = kPrime - 2; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = multiply(result, a);
    a = multiply(a, a);
  }
  return result;
}

}  // namespace tributary::field

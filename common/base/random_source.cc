// SPDX-License-Identifier: Apache-2.0
#include "common/base/random_source.h"

#include <bit>
#include <cmath>

#include "common/base/assert.h"

namespace tributary {
namespace {

std::uint64_t split_mix(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

std::uint64_t RandomSource::uniform_below(std::uint64_t bound) {
  TRIB_ASSERT(bound > 0, "uniform_below needs a positive bound");
  const std::uint64_t reject_below = (0 - bound) % bound;
  for (;;) {
    const std::uint64_t value = next_u64();
    if (value >= reject_below) return value % bound;
  }
}

double RandomSource::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }

double RandomSource::normal() {
  for (;;) {
    const double u = 2.0 * uniform() - 1.0;
    const double v = 2.0 * uniform() - 1.0;
    const double s = u * u + v * v;
    if (s > 0.0 && s < 1.0) return u * std::sqrt(-2.0 * std::log(s) / s);
  }
}

SeededRandom::SeededRandom(std::uint64_t seed) {
  for (auto& word : state_) word = split_mix(seed);
}

std::uint64_t SeededRandom::next_u64() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t derive_seed(std::uint64_t seed, std::string_view label, std::uint64_t index) {
  std::uint64_t state = seed;
  std::uint64_t mixed = split_mix(state);
  for (const char c : label) {
    state ^= mixed + static_cast<unsigned char>(c);
    mixed = split_mix(state);
  }
  state ^= mixed + index;
  return split_mix(state);
}

}  // namespace tributary

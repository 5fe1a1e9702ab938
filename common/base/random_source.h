// SPDX-License-Identifier: Apache-2.0
// RandomSource: randomness as a port. SeededRandom gives the same numbers on every machine and
// compiler (the standard distributions do not), so selection, splits, shuffles and initial weights
// replay from a job's seed. Not for keys, masks or noise that must stay secret: those come from
// common/crypto. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace tributary {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual std::uint64_t next_u64() = 0;

  // Uniform on [0, bound); bound > 0. Unbiased (rejection).
  std::uint64_t uniform_below(std::uint64_t bound);
  // Uniform on [0, 1), 53 bits.
  double uniform();
  // Standard normal (Marsaglia's polar method).
  double normal();

  // Fisher-Yates.
  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[static_cast<std::size_t>(uniform_below(i))]);
    }
  }
};

// xoshiro256** (Blackman & Vigna 2018), seeded through SplitMix64.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed);
  std::uint64_t next_u64() override;

 private:
  std::uint64_t state_[4];
};

// A seed for a sub-purpose: derive_seed(job_seed, "selection", round). Distinct labels give
// unrelated streams.
std::uint64_t derive_seed(std::uint64_t seed, std::string_view label, std::uint64_t index = 0);

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <vector>

#include "common/privacy/noise/discrete_gaussian.h"
#include "common/privacy/noise/variance.h"

namespace tributary {
namespace {

using Real = boost::multiprecision::cpp_bin_float_100;

struct Entry {
  std::uint64_t high = 0, low = 0;  // a probability in units of 2^-128
};

// P(|x| <= k) for k = 0, 1, ... up to where the rest is nothing in 128 bits.
std::vector<Entry> distribution_of(Variance variance) {
  const Real two_variances = 2 * Real(variance.parts) / Real(Variance::kParts);
  const Real nothing = ldexp(Real(1), -140);
  std::vector<Real> sums = {Real(1)};
  for (std::uint64_t k = 1;; ++k) {
    const Real weight = 2 * exp(-Real(k) * Real(k) / two_variances);
    if (weight < nothing) break;
    sums.push_back(sums.back() + weight);
  }
  std::vector<Entry> entries;
  entries.reserve(sums.size());
  for (std::size_t k = 0; k + 1 < sums.size(); ++k) {  // the last one is 1
    const Real scaled = ldexp(Real(sums[k] / sums.back()), 64);
    const Real high = floor(scaled);
    entries.push_back({high.convert_to<std::uint64_t>(),
                       floor(ldexp(Real(scaled - high), 64)).convert_to<std::uint64_t>()});
  }
  return entries;
}

class TableGaussian final : public DiscreteGaussian {
 public:
  explicit TableGaussian(Variance variance)
      : DiscreteGaussian(variance.sigma()), entries_(distribution_of(variance)) {}

  std::int64_t sample(RandomSource& random) const override {
    const std::uint64_t high = random.next_u64(), low = random.next_u64();
    std::int64_t size = 0;
    for (const Entry& entry : entries_) {
      const int above = static_cast<int>(high > entry.high) |
                        (static_cast<int>(high == entry.high) & static_cast<int>(low >= entry.low));
      size += above;
    }
    const auto sign = static_cast<std::int64_t>(random.next_u64() & 1);
    return (size ^ -sign) + sign;
  }

 private:
  std::vector<Entry> entries_;
};

}  // namespace

Result<std::unique_ptr<DiscreteGaussian>> make_table_gaussian(double sigma) {
  TRIB_TRY(variance, variance_of(sigma, kSigmaMin, kTableSigmaMax));
  return std::unique_ptr<DiscreteGaussian>(std::make_unique<TableGaussian>(variance));
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/pld.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <kissfft/kissfft.hh>
#include <limits>

#include "common/privacy/accounting/gaussian.h"
#include "common/privacy/accounting/loss_distribution.h"

namespace tributary {
namespace {

using Real = long double;
using Spectrum = std::vector<std::complex<Real>>;

constexpr int kGridBits = 16;              // points of the sum's grid
constexpr Real kFirstGrid = 4096;          // points of the grid that only finds the sum's range
constexpr Real kSingleGridMost = 1 << 20;  // points of one application's grid
constexpr Real kLogTail = -50;             // ln of what lies outside the sum's range, on each side

struct Applied {
  SampledGaussian mechanism;
  std::uint64_t times = 1;
};
struct AppliedLoss {
  LossDistribution loss;
  std::uint64_t times = 1;
};
using AppliedLosses = std::vector<AppliedLoss>;

AppliedLosses on_grid(const std::vector<Applied>& all, LossDirection direction, Real step) {
  AppliedLosses losses;
  for (const Applied& one : all)
    losses.push_back({loss_distribution(one.mechanism, direction, step), one.times});
  return losses;
}

std::complex<Real> power(std::complex<Real> base, std::uint64_t exponent) {
  std::complex<Real> result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result *= base;
    base *= base;
  }
  return result;
}

// By Chernoff's bound, for the best of some exponents.
LossRange range_of_sum(const AppliedLosses& losses) {
  LossRange range{-std::numeric_limits<Real>::infinity(), std::numeric_limits<Real>::infinity()};
  for (int power = -8; power <= 12; ++power) {
    const Real lambda = std::ldexp(Real{1}, power);
    Real up = 0, down = 0;
    for (const AppliedLoss& one : losses) {
      up += static_cast<Real>(one.times) * one.loss.log_moment(lambda);
      down += static_cast<Real>(one.times) * one.loss.log_moment(-lambda);
    }
    range.highest = std::min(range.highest, (up - kLogTail) / lambda);
    range.lowest = std::max(range.lowest, (kLogTail - down) / lambda);
  }
  return range;
}

// The sum of all losses on a circle of `size` points, of which a window of as many is meant.
class LossSum {
 public:
  LossSum(const AppliedLosses& losses, const LossRange& range) : step_(losses.front().loss.step) {
    first_ = static_cast<std::int64_t>(std::floor(range.lowest / step_));
    const auto last = static_cast<std::int64_t>(std::ceil(range.highest / step_));
    size_ = std::bit_ceil(static_cast<std::uint64_t>(last - first_) + 1);
    infinite_ = 2 * std::exp(kLogTail);
    for (const AppliedLoss& one : losses)
      infinite_ += static_cast<Real>(one.times) * one.loss.infinite;
    sum_up(losses);
  }

  Real delta(Real epsilon) const {
    Real delta = infinite_;
    for (std::size_t i = mass_.size(); i-- > 0 && loss_at(i) > epsilon;)
      delta -= mass_[i] * std::expm1(epsilon - loss_at(i));
    return std::min(delta, Real{1});
  }

  // From the highest loss down: between two points delta is P's mass above, less e^epsilon times
  // Q's. Infinity: no epsilon will do.
  Real epsilon(Real delta) const {
    Real p = infinite_, q = 0;
    if (!(p <= delta)) return std::numeric_limits<Real>::infinity();
    for (std::size_t i = mass_.size(); i-- > 0;) {
      const Real below = i > 0 ? loss_at(i - 1) : Real{0};
      p += mass_[i];
      q += mass_[i] * std::exp(-loss_at(i));
      if (loss_at(i) <= 0) return 0;
      if (!(p - q * std::exp(std::max(below, Real{0})) <= delta)) return std::log((p - delta) / q);
    }
    return 0;
  }

 private:
  Real loss_at(std::size_t i) const {
    return step_ * static_cast<Real>(first_ + static_cast<std::int64_t>(i));
  }
  std::size_t place(std::int64_t index) const {
    return static_cast<std::size_t>(index) & (size_ - 1);
  }

  Spectrum spectrum_of(const LossDistribution& loss) const {
    Spectrum folded(size_), spectrum(size_);
    for (std::size_t i = 0; i < loss.mass.size(); ++i)
      folded[place(loss.first + static_cast<std::int64_t>(i))] += loss.mass[i];
    kissfft<Real>(size_, false).transform(folded.data(), spectrum.data());
    return spectrum;
  }

  // A transform's result is wrong by less than the unit roundoff times some terms for each of its
  // stages, times the sum of what it adds up (Higham 2002, section 24.1), which is 1 here. To first
  // order a power multiplies that by its exponent. All of it, at each point, counts as infinite.
  void sum_up(const AppliedLosses& losses) {
    const Real rounding =
        8 * std::numeric_limits<Real>::epsilon() * static_cast<Real>(std::bit_width(size_));
    Spectrum product(size_, 1);
    std::vector<Real> weakness(size_, rounding);  // what its errors are, beside the product
    const std::size_t half = size_ / 2;           // the rest mirrors it, for masses are real
    for (const AppliedLoss& one : losses) {
      const Spectrum spectrum = spectrum_of(one.loss);
      for (std::size_t k = 0; k <= half; ++k) {
        product[k] *= power(spectrum[k], one.times);
        weakness[k] +=
            static_cast<Real>(one.times) * rounding / std::max(std::abs(spectrum[k]), rounding);
      }
    }
    Real lost = 0;  // in one half, but for what each transform of next to nothing can lose
    for (std::size_t k = 0; k <= half; ++k) lost += std::abs(product[k]) * weakness[k] + rounding;
    infinite_ += 2 * lost;
    for (std::size_t k = 1; k < half; ++k) product[size_ - k] = std::conj(product[k]);
    Spectrum folded(size_);
    kissfft<Real>(size_, true).transform(product.data(), folded.data());
    mass_.resize(size_);
    for (std::size_t i = 0; i < size_; ++i) {
      const std::size_t at = place(first_ + static_cast<std::int64_t>(i));
      mass_[i] = std::max(Real{0}, folded[at].real() / static_cast<Real>(size_));
    }
  }

  Real step_;
  std::int64_t first_ = 0;
  std::size_t size_ = 0;
  Real infinite_ = 0;
  std::vector<Real> mass_;
};

// First on a coarse grid, which says how wide the sum is.
LossSum sum_of(const std::vector<Applied>& all, LossDirection direction) {
  Real widest = 0;
  for (const Applied& one : all) {
    const LossRange range = loss_range(one.mechanism, direction);
    widest = std::max(widest, range.highest - range.lowest);
  }
  const LossRange coarse = range_of_sum(on_grid(all, direction, widest / kFirstGrid));
  const Real step =
      std::max(std::ldexp(coarse.highest - coarse.lowest, -kGridBits), widest / kSingleGridMost);
  const AppliedLosses losses = on_grid(all, direction, step);
  return LossSum(losses, range_of_sum(losses));
}

std::vector<Applied> applied(const std::vector<DpEvent>& events, Adjacency adjacency,
                             double squared_mu) {
  std::vector<Applied> all;
  for (const DpEvent& event : events)
    all.push_back({{event.rate, relative_noise(event, adjacency)}, applications_of(event)});
  if (squared_mu > 0) all.push_back({{1, 1 / std::sqrt(squared_mu)}, 1});
  return all;
}

}  // namespace

Status PldAccountant::add(const DpEvent& event) {
  TRIB_CHECK_OK(check_event(event, adjacency_));
  if (event.rate == 1) {
    const double mu = 1 / relative_noise(event, adjacency_);
    squared_mu_ += mu * mu * static_cast<double>(applications_of(event));
    return {};
  }
  if (event.sampling == DpSampling::kFixedSize) {
    return make_error(ErrorCode::kInvalidArgument,
                      "there is no tight bound for samples of a fixed size; use the RDP bound");
  }
  for (DpEvent& known : sampled_) {
    if (known.rate != event.rate || known.noise_multiplier != event.noise_multiplier) continue;
    known.steps += event.steps;
    return {};
  }
  sampled_.push_back(event);
  return {};
}

Result<double> PldAccountant::epsilon(double delta) const {
  if (sampled_.empty())
    return squared_mu_ > 0 ? gaussian_epsilon(std::sqrt(squared_mu_), delta) : 0.0;
  const auto all = applied(sampled_, adjacency_, squared_mu_);
  const Real epsilon = std::max(sum_of(all, LossDirection::kRemove).epsilon(delta),
                                sum_of(all, LossDirection::kAdd).epsilon(delta));
  if (!std::isfinite(epsilon)) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "delta is smaller than what the bound's arithmetic can tell");
  }
  return static_cast<double>(epsilon);
}

double PldAccountant::delta(double epsilon) const {
  if (sampled_.empty())
    return squared_mu_ > 0 ? gaussian_delta(std::sqrt(squared_mu_), epsilon) : 0.0;
  const auto all = applied(sampled_, adjacency_, squared_mu_);
  return static_cast<double>(std::max(sum_of(all, LossDirection::kRemove).delta(epsilon),
                                      sum_of(all, LossDirection::kAdd).delta(epsilon)));
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/private_mean.h"

#include <cmath>
#include <string>

#include "common/base/assert.h"
#include "common/privacy/noise/adaptive_clip.h"

namespace tributary {
namespace {

// Of the clip: more than the roundings of a norm, a factor and its products come to together.
constexpr double kSlack = 0x1p-20;

}  // namespace

double noise_multiplier_of_sum(const SitePrivacy& promise) {
  return promise.adaptive
             ? multiplier_beside_count(promise.noise_multiplier, promise.adaptive->count_noise)
             : promise.noise_multiplier;
}

Result<std::unique_ptr<PrivateMean>> PrivateMean::open(const SitePrivacy& promise, double clip,
                                                       std::uint64_t sites, std::size_t values,
                                                       RandomSource& random) {
  const double deviation = noise_multiplier_of_sum(promise) * clip;
  if (!(clip > 0.0) || sites == 0 || !std::isfinite(deviation)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "noise for sites needs a clip above 0, a number of sites and a noise on the "
                      "count that leaves some for the updates");
  }
  std::unique_ptr<PrivateMean> made(new PrivateMean(promise, clip, sites, random));
  // The finest grid on which the noise can be drawn.
  made->scale_ = static_cast<int>(std::floor(std::log2(kSigmaMax / deviation)));
  if (std::ldexp(deviation, made->scale_) > kSigmaMax) --made->scale_;
  const double rounding = std::ldexp(std::sqrt(static_cast<double>(values)) / 2, -made->scale_);
  made->room_ = clip * (1.0 - kSlack) - rounding;
  if (!(made->room_ >= clip / 2)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "privacy.sites.noise_multiplier " + std::to_string(promise.noise_multiplier) +
                          " is too large for a model of " + std::to_string(values) +
                          " values: rounding to the grid of the noise would take half of the clip");
  }
  TRIB_TRY(noise, make_exact_gaussian(std::ldexp(deviation, made->scale_)));
  made->noise_ = std::move(noise);
  if (promise.adaptive) {
    TRIB_TRY(of_count, make_exact_gaussian(deviation_of_count(promise.adaptive->count_noise)));
    made->count_noise_ = std::move(of_count);
  }
  return made;
}

double PrivateMean::take(double norm) {
  within_ += norm <= clip_ ? 1 : -1;
  return norm > room_ ? room_ / norm : 1.0;
}

void PrivateMean::draw(std::size_t start, std::span<std::int64_t> into) {
  TRIB_ASSERT(over_rounds_.has_value() == (promise_.mechanism == SiteMechanism::kTree),
              "noise of another kind than was promised");
  if (over_rounds_) return over_rounds_->draw(*noise_, start, into);
  for (std::int64_t& steps : into) steps = noise_->sample(random_);
}

void PrivateMean::mean(const ExactSum& sum, std::size_t start, std::span<double> into) {
  TRIB_ASSERT(sum.scale() == scale_, "a sum on another grid than its noise");
  const auto steps = sum.steps(start, into.size());
  const double divisor = std::ldexp(sites_, scale_);
  drawn_.resize(into.size());
  draw(start, drawn_);
  for (std::size_t i = 0; i < into.size(); ++i)
    into[i] = static_cast<double>(steps[i] + drawn_[i]) / divisor;
}

double PrivateMean::next_clip() {
  if (!count_noise_) return clip_;
  const auto counted = static_cast<double>(within_ + count_noise_->sample(random_));
  return next_adaptive_clip(clip_, counted, sites_, promise_.adaptive->quantile,
                            promise_.adaptive->rate);
}

}  // namespace tributary

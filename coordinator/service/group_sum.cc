// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/group_sum.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/assert.h"
#include "common/base/short_number.h"
#include "common/domain/counted_numbers.h"
#include "common/privacy/noise/adaptive_clip.h"
#include "common/privacy/secagg/sum_plan.h"
#include "common/tensor/safetensors.h"

namespace tributary {
namespace {

constexpr std::size_t kPieceBytes = InputSum::kPieceAlignment << 16;  // 1.5 MiB
constexpr std::size_t kBlockNumbers = std::size_t{1} << 16;

// What members say of themselves bounds what they can say together.
Status check_figures(const SumFigures& figures, std::uint64_t survivors, std::uint64_t cap,
                     std::uint64_t numbers) {
  const bool possible = figures.weight > 0 && figures.weight <= survivors * cap &&
                        figures.examples >= figures.weight && figures.clipped <= survivors &&
                        figures.saturated <= survivors * numbers;
  if (possible) return {};
  return make_error(ErrorCode::kDataLoss,
                    "the figures of the sum are none that these sites can have: one of them lied, "
                    "or has no rows");
}

}  // namespace

GroupSum::GroupSum(SumContext context, JobSpec spec, Layout layout, BlobStore& blobs,
                   ParallelFor parallel)
    : context_(std::move(context)),
      spec_(std::move(spec)),
      layout_(std::move(layout)),
      blobs_(blobs),
      parallel_(std::move(parallel)),
      sum_(context_.numbers, context_.bits, context_.wide) {}

void GroupSum::add(ReadFile& input) {
  Bytes piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, input.size())));
  for (std::uint64_t at = 0; at < input.size();) {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, input.size() - at));
    const MutableByteView into = MutableByteView(piece).first(count);
    if (Status read = input.read_at(at, into); !read) {
      spoiled_ = std::move(read);
      return;
    }
    sum_.add(at, into);
    at += count;
  }
}

Result<BlobRef> GroupSum::put() {
  TRIB_CHECK_OK(spoiled_);
  const Bytes packed = pack_input(sum_.numbers(), context_.bits, sum_.wide());
  TRIB_TRY(digest, blobs_.put(packed));
  return BlobRef{digest, packed.size()};
}

Status GroupSum::take_masks_off(const SumUnmask& unmask) {
  TRIB_CHECK_OK(spoiled_);
  sum_.unmask(unmask.numbers, unmask.wide, parallel_);
  return {};
}

Result<GroupSum::MeanUpdate> GroupSum::mean_update(const SumUnmask& unmask, std::uint64_t members,
                                                   const SiteName& name) {
  TRIB_CHECK_OK(take_masks_off(unmask));
  return hides_sites(spec_, context_.key.kind) ? noisy_mean(unmask, members, name)
                                               : plain_mean(unmask, members, name);
}

Result<GroupSum::MeanUpdate> GroupSum::plain_mean(const SumUnmask& unmask, std::uint64_t members,
                                                  const SiteName& name) {
  const SumFigures figures = figures_from(sum_.wide().first(kSumFigures));
  const std::uint64_t cap = spec_.aggregation.example_cap;
  TRIB_CHECK_OK(check_figures(figures, unmask.survivors.size(), cap, context_.numbers));
  const SumCoding coding = sum_coding(spec_, members);
  Reading reading;
  reading.step = coding.step();
  // The sum has each update times its weight of the cap.
  reading.scale = static_cast<double>(cap) / static_cast<double>(figures.weight);
  // A weighted mean of clipped updates is no longer than the clip, but for the rounding of each.
  reading.longest =
      coding.clip * (1 + 1e-9) + std::sqrt(static_cast<double>(context_.numbers)) * coding.step() *
                                     static_cast<double>(unmask.survivors.size()) * reading.scale;
  TRIB_TRY(update, update_of(reading, name));
  const double loss =
      static_cast<double>(figures.loss_units) * kLossUnit / static_cast<double>(figures.examples);
  update.result.examples = figures.examples;
  update.result.train_loss = loss;
  return MeanUpdate{std::move(update), figures};
}

// Each site counts alike, and the sum is divided by a number that was fixed before anybody came.
Result<GroupSum::MeanUpdate> GroupSum::noisy_mean(const SumUnmask& unmask, std::uint64_t members,
                                                  const SiteName& name) {
  TRIB_TRY(coding, noisy_coding(spec_, members, context_.numbers, context_.clip));
  const double divisor = spec_.rounds.target;
  const auto survivors = static_cast<double>(unmask.survivors.size());
  Reading reading;
  reading.step = coding.step();
  reading.scale = 1.0 / divisor;
  // Of the noise's length all but e^-32 is within so many deviations.
  reading.longest =
      (survivors * context_.clip + coding.deviation_of(unmask.survivors.size()) *
                                       (std::sqrt(static_cast<double>(context_.numbers)) + 8)) /
      divisor;
  TRIB_TRY(update, update_of(reading, name));
  update.next_clip = context_.clip;
  if (const auto& adaptive = spec_.privacy.sites->adaptive) {
    const auto counted = static_cast<double>(static_cast<std::int64_t>(sum_.wide()[0]));
    update.next_clip =
        next_adaptive_clip(context_.clip, counted, divisor, adaptive->quantile, adaptive->rate);
  }
  return MeanUpdate{std::move(update), std::nullopt};
}

// Its rows and loss are the caller's to tell.
Result<AcceptedUpdate> GroupSum::update_of(const Reading& reading, const SiteName& name) {
  Model mean{layout_, std::vector<float>(layout_.element_count())};
  TRIB_ASSERT(mean.values.size() == sum_.numbers().size(), "one number for each value");
  std::vector<double> block(kBlockNumbers);
  double squares = 0.0, largest = 0.0;
  for (std::size_t at = 0; at < mean.values.size(); at += kBlockNumbers) {
    const std::size_t count = std::min(kBlockNumbers, mean.values.size() - at);
    const std::span<double> decoded = std::span(block).first(count);
    decode_numbers(context_.bits, reading.step, sum_.numbers().subspan(at, count), decoded);
    for (std::size_t i = 0; i < count; ++i) {
      const double value = decoded[i] * reading.scale;
      squares += value * value;
      largest = std::max(largest, std::abs(value));
      mean.values[at + i] = static_cast<float>(value);
    }
  }
  const double norm = std::sqrt(squares);
  if (norm > reading.longest) {
    return make_error(ErrorCode::kDataLoss,
                      "the sum is longer than updates within the clip can make it: a site lied");
  }
  // Beyond, the model's sum could go around; updates within a clip are not, but noise may be.
  if (hides_sites(spec_, context_.key.kind) && largest > spec_.aggregation.coordinate_bound) {
    return make_error(ErrorCode::kDataLoss, "a coordinate of the sum's mean is " +
                                                short_number(largest) +
                                                ", beyond aggregate.coordinate_bound " +
                                                short_number(spec_.aggregation.coordinate_bound));
  }
  const Bytes file = encode_safetensors(mean);
  TRIB_TRY(digest, blobs_.put(file));
  AcceptedUpdate update{context_.key, name, context_.key.round, kFullShare, {}, norm};
  update.result.update = {digest, file.size()};
  update.result.update_norm = norm;
  return update;
}

Result<EvaluationCounts> GroupSum::counts(const SumUnmask& unmask) {
  TRIB_CHECK_OK(take_masks_off(unmask));
  EvaluationCounts counts = counts_of(sum_.wide().first(counted_numbers(spec_.data)), spec_.data);
  TRIB_CHECK_OK(validate_counts(counts));
  return counts;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/group_sum.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/assert.h"
#include "common/domain/counted_numbers.h"
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
  const SumFigures figures = figures_from(sum_.wide().first(kSumFigures));
  const std::uint64_t cap = spec_.aggregation.example_cap;
  TRIB_CHECK_OK(check_figures(figures, unmask.survivors.size(), cap, context_.numbers));
  // The sum has each update times its weight of the cap.
  const double scale = static_cast<double>(cap) / static_cast<double>(figures.weight);
  const SumCoding coding = sum_coding(spec_, members);
  Model mean{layout_, std::vector<float>(layout_.element_count())};
  TRIB_ASSERT(mean.values.size() == sum_.numbers().size(), "one number for each value");
  std::vector<double> block(kBlockNumbers);
  double squares = 0.0;
  for (std::size_t at = 0; at < mean.values.size(); at += kBlockNumbers) {
    const std::size_t count = std::min(kBlockNumbers, mean.values.size() - at);
    const std::span<double> decoded = std::span(block).first(count);
    decode_sum(coding, sum_.numbers().subspan(at, count), decoded);
    for (std::size_t i = 0; i < count; ++i) {
      squares += decoded[i] * decoded[i] * scale * scale;
      mean.values[at + i] = static_cast<float>(decoded[i] * scale);
    }
  }
  const double norm = std::sqrt(squares);
  // A weighted mean of clipped updates is no longer than the clip, but for the rounding of each.
  const double rounding = std::sqrt(static_cast<double>(mean.values.size())) * coding.step() *
                          static_cast<double>(unmask.survivors.size()) * scale;
  if (norm > coding.clip * (1 + 1e-9) + rounding) {
    return make_error(ErrorCode::kDataLoss,
                      "the sum is longer than updates within the clip can make it: a site lied");
  }
  const Bytes file = encode_safetensors(mean);
  TRIB_TRY(digest, blobs_.put(file));
  const double loss =
      static_cast<double>(figures.loss_units) * kLossUnit / static_cast<double>(figures.examples);
  AcceptedUpdate update{context_.key, name, context_.key.round, kFullShare, {}, norm};
  update.result = {{digest, file.size()}, figures.examples, loss, norm, 0.0, 0.0};
  return MeanUpdate{std::move(update), figures};
}

Result<EvaluationCounts> GroupSum::counts(const SumUnmask& unmask) {
  TRIB_CHECK_OK(take_masks_off(unmask));
  EvaluationCounts counts = counts_of(sum_.wide().first(counted_numbers(spec_.data)), spec_.data);
  TRIB_CHECK_OK(validate_counts(counts));
  return counts;
}

}  // namespace tributary

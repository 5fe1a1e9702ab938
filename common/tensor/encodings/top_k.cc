// SPDX-License-Identifier: Apache-2.0
#include <bit>

#include "common/tensor/encodings/sparse.h"

namespace tributary {
namespace {

// |value| as a number of 31 bits: it has the same order.
std::uint32_t size_of(float value) { return std::bit_cast<std::uint32_t>(value) & 0x7fffffffu; }

constexpr int kLowBits = 15;

// Counts down from the highest bin. `rank` becomes what is wanted of the bin that is returned.
std::uint32_t bin_of_rank(const std::vector<std::uint64_t>& bins, std::uint64_t& rank) {
  std::size_t bin = bins.size() - 1;
  while (bin > 0 && bins[bin] < rank) rank -= bins[bin--];
  return static_cast<std::uint32_t>(bin);
}

// The k largest by size; of equals, those that come first. Two counts of the sizes' bits find the
// smallest that is sent, without sorting and without a list of places.
class LargestValues final : public ValuePicker {
 public:
  explicit LargestValues(std::uint64_t k) : equals_(k) {}

  Status look_at(const AllValues& all) {
    if (equals_ == 0) return {};
    std::vector<std::uint64_t> bins(std::size_t{1} << (31 - kLowBits));
    TRIB_CHECK_OK(all.pass([&bins](std::span<const float> values) -> Status {
      for (const float value : values) ++bins[size_of(value) >> kLowBits];
      return {};
    }));
    const std::uint32_t high = bin_of_rank(bins, equals_);
    bins.assign(std::size_t{1} << kLowBits, 0);
    TRIB_CHECK_OK(all.pass([&bins, high](std::span<const float> values) -> Status {
      for (const float value : values) {
        const std::uint32_t size = size_of(value);
        if (size >> kLowBits == high) ++bins[size & ((1u << kLowBits) - 1)];
      }
      return {};
    }));
    least_ = high << kLowBits | bin_of_rank(bins, equals_);
    return {};
  }

  void pick(std::span<const float> chunk, std::vector<std::uint16_t>& offsets) override {
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      const std::uint32_t size = size_of(chunk[i]);
      if (size < least_) continue;
      if (size == least_ && equals_ == 0) continue;
      if (size == least_) --equals_;
      offsets.push_back(static_cast<std::uint16_t>(i));
    }
  }

 private:
  std::uint32_t least_ = 0x80000000u;  // the smallest size that is sent
  std::uint64_t equals_;               // of this size are still to be sent
};

Result<std::unique_ptr<ChunkEncoder>> encoder(const EncodingSpec& spec, const AllValues& all,
                                              std::uint64_t) {
  auto largest = std::make_unique<LargestValues>(spec.k);
  TRIB_CHECK_OK(largest->look_at(all));
  return sparse_encoder(std::move(largest));
}

}  // namespace

const UpdateEncoding& top_k_update_encoding() {
  static constexpr UpdateEncoding kEncoding =
      sparse_encoding("top_k", "The k largest values, all others are zero", encoder);
  return kEncoding;
}

}  // namespace tributary

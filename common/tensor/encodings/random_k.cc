// SPDX-License-Identifier: Apache-2.0
#include "common/base/random_source.h"
#include "common/tensor/encodings/sparse.h"

namespace tributary {
namespace {

// Selection sampling (Knuth, The Art of Computer Programming 3.4.2, algorithm S): every set of k
// places is equally likely, and they come in order. The values are sent as they are, not times n/k:
// error feedback brings the others later, where the scaled ones would only add their variance.
class RandomValues final : public ValuePicker {
 public:
  RandomValues(std::uint64_t count, std::uint64_t k, std::uint64_t seed)
      : to_come_(count), to_pick_(k), random_(seed) {}

  void pick(std::span<const float> chunk, std::vector<std::uint16_t>& offsets) override {
    for (std::size_t i = 0; i < chunk.size() && to_pick_ > 0; ++i, --to_come_) {
      if (random_.uniform_below(to_come_) >= to_pick_) continue;
      offsets.push_back(static_cast<std::uint16_t>(i));
      --to_pick_;
    }
  }

 private:
  std::uint64_t to_come_;
  std::uint64_t to_pick_;
  SeededRandom random_;
};

Result<std::unique_ptr<ChunkEncoder>> encoder(const EncodingSpec& spec, const AllValues& all,
                                              std::uint64_t seed) {
  return sparse_encoder(std::make_unique<RandomValues>(all.count, spec.k, seed));
}

}  // namespace

const UpdateEncoding& random_k_update_encoding() {
  static constexpr UpdateEncoding kEncoding =
      sparse_encoding("random_k", "k values by chance, all others are zero", encoder);
  return kEncoding;
}

}  // namespace tributary

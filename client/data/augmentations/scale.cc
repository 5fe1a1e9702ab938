// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "client/data/series.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// Um et al. 2017: each feature of a series by one factor around 1, as if its sensor were another.
class Scale final : public RowChange {
 public:
  explicit Scale(const OptionMap& options) : deviation_(option<double>(options, "deviation")) {}

  void apply(const AugmentedRow& row, RandomSource& random) override {
    const SeriesSize size(row);
    factors_.resize(size.features);
    for (double& factor : factors_) factor = 1.0 + deviation_ * random.normal();
    for (std::size_t i = 0; i < row.inputs.size(); ++i)
      row.inputs[i] = static_cast<float>(factors_[i % size.features] * double{row.inputs[i]});
  }

 private:
  double deviation_;
  std::vector<double> factors_;
};

}  // namespace

const Augmentation& scale_augmentation() {
  static constexpr Augmentation kScale{
      "scale", "Series with each feature larger or smaller", [](const OptionMap& options) {
        return std::unique_ptr<RowChange>(std::make_unique<Scale>(options));
      }};
  return kScale;
}

}  // namespace tributary

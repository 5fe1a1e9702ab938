// SPDX-License-Identifier: Apache-2.0
// FedNova (Wang et al. 2020, arXiv 2007.07481): the update divided by |a_i|_1, and |a_i|_1 beside
// it; the server's half multiplies by its mean.
#include "client/learning/algorithm.h"

namespace tributary {
namespace {

// Both are in this unit, which drops out: so updates of many steps are not too small for the sum's
// resolution, and the number of steps not too large for aggregate.coordinate_bound.
constexpr double kUnit = 256.0;

class FedNova final : public AlgorithmRun {
 public:
  explicit FedNova(const AlgorithmStart& start) : optimizer_(start.optimizer) {}

  bool adjusts() const override { return false; }
  void adjust(std::size_t, std::span<float>, std::span<const float>) override {}
  void finish(const AlgorithmEnd& end) override {
    const double units = steps_in_gradients(optimizer_, end.steps) / kUnit;
    for (float& value : end.update) value = static_cast<float>(static_cast<double>(value) / units);
    end.companions = {static_cast<float>(units)};
  }

 private:
  const PluginChoice& optimizer_;
};

}  // namespace

const ClientAlgorithm& fednova_algorithm() {
  static constexpr ClientAlgorithm kAlgorithm{
      "fednova", "updates by the local step, for sites that make unlike numbers of them",
      [](const AlgorithmStart& start) -> std::unique_ptr<AlgorithmRun> {
        return std::make_unique<FedNova>(start);
      },
      false, true};
  return kAlgorithm;
}

}  // namespace tributary

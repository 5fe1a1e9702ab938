// SPDX-License-Identifier: Apache-2.0
#include "client/learning/algorithm.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// The gradient of mu/2 * |w - w_global|^2, the proximal term of Li et al. 2020 (arXiv 1812.06127).
class FedProx final : public AlgorithmRun {
 public:
  explicit FedProx(const AlgorithmStart& start)
      : mu_(static_cast<float>(option<double>(start.options, "mu"))), global_(start.global) {}

  void adjust(std::size_t at, std::span<float> gradient, std::span<const float> weights) override {
    const std::span<const float> global = global_.subspan(at, gradient.size());
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += mu_ * (weights[i] - global[i]);
  }
  void finish(const AlgorithmEnd&) override {}

 private:
  float mu_;
  std::span<const float> global_;
};

}  // namespace

const ClientAlgorithm& fedprox_algorithm() {
  static constexpr ClientAlgorithm kAlgorithm{
      "fedprox", "a pull towards the global model, for unlike sites",
      [](const AlgorithmStart& start) -> std::unique_ptr<AlgorithmRun> {
        return std::make_unique<FedProx>(start);
      }};
  return kAlgorithm;
}

}  // namespace tributary

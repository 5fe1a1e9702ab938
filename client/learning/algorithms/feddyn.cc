// SPDX-License-Identifier: Apache-2.0
// FedDyn (Acar et al. 2021, arXiv 2111.04263, algorithm 1): the local loss minus <h_i, w>, plus
// alpha/2 * |w - w_global|^2; then h_i -= alpha * (w - w_global).
#include "client/learning/algorithm.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

class FedDyn final : public AlgorithmRun {
 public:
  explicit FedDyn(const AlgorithmStart& start)
      : alpha_(option<double>(start.options, "alpha")),
        global_(start.global),
        own_(start.own.begin(), start.own.end()) {
    own_.resize(global_.size());
  }

  void adjust(std::size_t at, std::span<float> gradient, std::span<const float> weights) override {
    const float alpha = static_cast<float>(alpha_);
    const std::span<const float> global = global_.subspan(at, gradient.size());
    const std::span<const float> own = std::span(own_).subspan(at, gradient.size());
    for (std::size_t i = 0; i < gradient.size(); ++i)
      gradient[i] += alpha * (weights[i] - global[i]) - own[i];
  }

  void finish(const AlgorithmEnd& end) override {
    for (const ValueRange& range : end.trained) {
      for (std::size_t i = range.at; i < range.at + range.count; ++i) {
        own_[i] = static_cast<float>(static_cast<double>(own_[i]) -
                                     alpha_ * static_cast<double>(end.update[i]));
      }
    }
    end.own = std::move(own_);
  }

 private:
  double alpha_;
  std::span<const float> global_;
  std::vector<float> own_;
};

}  // namespace

const ClientAlgorithm& feddyn_algorithm() {
  static constexpr ClientAlgorithm kAlgorithm{
      "feddyn", "a local loss that has the optimum of all sites together",
      [](const AlgorithmStart& start) -> std::unique_ptr<AlgorithmRun> {
        return std::make_unique<FedDyn>(start);
      },
      true, true};
  return kAlgorithm;
}

}  // namespace tributary

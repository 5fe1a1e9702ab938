// SPDX-License-Identifier: Apache-2.0
// SCAFFOLD (Karimireddy et al. 2020, arXiv 1910.06378, algorithm 1, option II): local steps follow
// g - c_i + c; then c_i+ = c_i - c + (x - y) / (K * eta). With momentum K is the steps in
// gradients, so that the fraction stays a mean of the gradients that were followed.
#include "client/learning/algorithm.h"

namespace tributary {
namespace {

class Scaffold final : public AlgorithmRun {
 public:
  explicit Scaffold(const AlgorithmStart& start)
      : optimizer_(start.optimizer),
        rate_(start.learning_rate),
        server_(start.server.begin(), start.server.end()),
        own_(start.own.begin(), start.own.end()) {
    server_.resize(start.global.size());
    own_.resize(start.global.size());
  }

  void adjust(std::size_t at, std::span<float> gradient, std::span<const float>) override {
    const std::span<const float> server = std::span(server_).subspan(at, gradient.size());
    const std::span<const float> own = std::span(own_).subspan(at, gradient.size());
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += server[i] - own[i];
  }

  void finish(const AlgorithmEnd& end) override {
    const double moved = rate_ * steps_in_gradients(optimizer_, end.steps);
    end.companions.assign(own_.size(), 0.0F);
    for (const ValueRange& range : end.trained) {
      for (std::size_t i = range.at; i < range.at + range.count; ++i) {
        const double before = static_cast<double>(own_[i]);
        const double followed = -static_cast<double>(end.update[i]) / moved;
        own_[i] = static_cast<float>(before - static_cast<double>(server_[i]) + followed);
        // The difference of what is kept, so that the server's sum follows it without a drift.
        end.companions[i] = static_cast<float>(static_cast<double>(own_[i]) - before);
      }
    }
    end.own = std::move(own_);
  }

 private:
  const PluginChoice& optimizer_;
  double rate_;
  std::vector<float> server_;
  std::vector<float> own_;
};

}  // namespace

const ClientAlgorithm& scaffold_algorithm() {
  static constexpr ClientAlgorithm kAlgorithm{
      "scaffold", "local steps without the site's own drift",
      [](const AlgorithmStart& start) -> std::unique_ptr<AlgorithmRun> {
        return std::make_unique<Scaffold>(start);
      },
      true};
  return kAlgorithm;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include "client/learning/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "common/domain/options.h"

namespace tributary {
namespace {

template <typename State>
State& state_of(std::vector<State>& states, std::size_t index) {
  if (index >= states.size()) states.resize(index + 1);
  return states[index];
}

class Sgd final : public Optimizer {
 public:
  Sgd(const OptionMap& options, double factor)
      : rate_(static_cast<float>(option<double>(options, "learning_rate") * factor)),
        momentum_(static_cast<float>(option<double>(options, "momentum"))),
        decay_(static_cast<float>(option<double>(options, "weight_decay"))),
        nesterov_(option<bool>(options, "nesterov")) {}

  void step(std::size_t index, std::span<float> weights, std::span<const float> gradient) override {
    float* __restrict w = weights.data();
    const float* __restrict g = gradient.data();
    const std::size_t count = weights.size();
    if (momentum_ == 0.0F) {
      for (std::size_t i = 0; i < count; ++i) w[i] -= rate_ * (g[i] + decay_ * w[i]);
      return;
    }
    std::vector<float>& velocities = state_of(velocities_, index);
    const bool first = velocities.empty();
    velocities.resize(count);
    float* __restrict v = velocities.data();
    const float keep = first ? 0.0F : momentum_;
    // The step is v, or g + momentum * v with nesterov.
    const float own = nesterov_ ? 1.0F : 0.0F;
    const float old = nesterov_ ? momentum_ : 1.0F;
    for (std::size_t i = 0; i < count; ++i) {
      const float with_decay = g[i] + decay_ * w[i];
      v[i] = keep * v[i] + with_decay;
      w[i] -= rate_ * (own * with_decay + old * v[i]);
    }
  }

  void save_state(StateWriter& to) const override {
    to.number(velocities_.size());
    for (const auto& velocity : velocities_) to.floats(velocity);
  }
  Status restore_state(StateReader& from) override {
    TRIB_TRY(count, from.number());
    for (std::uint64_t i = 0; i < count; ++i) {
      TRIB_TRY(velocity, from.floats());
      velocities_.push_back(std::move(velocity));
    }
    return {};
  }

 private:
  float rate_;
  float momentum_;
  float decay_;
  bool nesterov_;
  std::vector<std::vector<float>> velocities_;
};

// Kingma & Ba 2015; with `decoupled` weight decay as in Loshchilov & Hutter 2019 (AdamW).
class Adam final : public Optimizer {
 public:
  Adam(const OptionMap& options, double factor, bool decoupled)
      : rate_(option<double>(options, "learning_rate") * factor),
        beta1_(option<double>(options, "beta1")),
        beta2_(option<double>(options, "beta2")),
        epsilon_(static_cast<float>(option<double>(options, "epsilon"))),
        decay_(option<double>(options, "weight_decay")),
        decoupled_(decoupled) {}

  void step(std::size_t index, std::span<float> weights, std::span<const float> gradient) override {
    Moments& moments = state_of(moments_, index);
    moments.first.resize(weights.size());
    moments.second.resize(weights.size());
    ++moments.steps;
    const double correction1 = 1.0 - std::pow(beta1_, static_cast<double>(moments.steps));
    const double correction2 = 1.0 - std::pow(beta2_, static_cast<double>(moments.steps));
    const float step_size = static_cast<float>(rate_ / correction1);
    const float root_correction = static_cast<float>(std::sqrt(correction2));
    const float shrink = decoupled_ ? static_cast<float>(1.0 - rate_ * decay_) : 1.0F;
    const float coupled_decay = decoupled_ ? 0.0F : static_cast<float>(decay_);
    const float b1 = static_cast<float>(beta1_);
    const float b2 = static_cast<float>(beta2_);
    const float c1 = static_cast<float>(1.0 - beta1_);
    const float c2 = static_cast<float>(1.0 - beta2_);
    float* __restrict w = weights.data();
    const float* __restrict g = gradient.data();
    float* __restrict m = moments.first.data();
    float* __restrict v = moments.second.data();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const float with_decay = g[i] + coupled_decay * w[i];
      m[i] = b1 * m[i] + c1 * with_decay;
      v[i] = b2 * v[i] + c2 * with_decay * with_decay;
      w[i] = shrink * w[i] - step_size * m[i] / (std::sqrt(v[i]) / root_correction + epsilon_);
    }
  }

  void save_state(StateWriter& to) const override {
    to.number(moments_.size());
    for (const Moments& moments : moments_) {
      to.floats(moments.first);
      to.floats(moments.second);
      to.number(moments.steps);
    }
  }
  Status restore_state(StateReader& from) override {
    TRIB_TRY(count, from.number());
    for (std::uint64_t i = 0; i < count; ++i) {
      TRIB_TRY(first, from.floats());
      TRIB_TRY(second, from.floats());
      TRIB_TRY(steps, from.number());
      moments_.push_back({std::move(first), std::move(second), steps});
    }
    return {};
  }

 private:
  struct Moments {
    std::vector<float> first;
    std::vector<float> second;
    std::uint64_t steps = 0;
  };
  double rate_;
  double beta1_;
  double beta2_;
  float epsilon_;
  double decay_;
  bool decoupled_;
  std::vector<Moments> moments_;
};

// Tieleman and Hinton 2012, with what PyTorch's RMSprop adds: `centered` takes the variance of the
// gradient in place of its mean square (Graves 2013, arXiv 1308.0850), `momentum` keeps a share of
// the last step. The learning rate is outside of what is kept.
class RmsProp final : public Optimizer {
 public:
  RmsProp(const OptionMap& options, double factor)
      : rate_(static_cast<float>(option<double>(options, "learning_rate") * factor)),
        alpha_(option<double>(options, "alpha")),
        epsilon_(static_cast<float>(option<double>(options, "epsilon"))),
        momentum_(static_cast<float>(option<double>(options, "momentum"))),
        decay_(static_cast<float>(option<double>(options, "weight_decay"))),
        centered_(option<bool>(options, "centered")) {}

  void step(std::size_t index, std::span<float> weights, std::span<const float> gradient) override {
    Kept& kept = state_of(kept_, index);
    const std::size_t count = weights.size();
    kept.square.resize(count);
    if (centered_) kept.mean.resize(count);
    if (momentum_ > 0.0F) kept.velocity.resize(count);
    const float a = static_cast<float>(alpha_), b = static_cast<float>(1.0 - alpha_);
    float* __restrict w = weights.data();
    for (std::size_t i = 0; i < count; ++i) {
      const float g = gradient[i] + decay_ * w[i];
      float& square = kept.square[i];
      square = a * square + b * g * g;
      float spread = square;
      if (centered_) {
        float& mean = kept.mean[i];
        mean = a * mean + b * g;
        spread = std::max(square - mean * mean, 0.0F);  // rounding may take it below
      }
      const float change = g / (std::sqrt(spread) + epsilon_);
      if (momentum_ > 0.0F) {
        kept.velocity[i] = momentum_ * kept.velocity[i] + change;
        w[i] -= rate_ * kept.velocity[i];
      } else {
        w[i] -= rate_ * change;
      }
    }
  }

  void save_state(StateWriter& to) const override {
    to.number(kept_.size());
    for (const Kept& kept : kept_) {
      to.floats(kept.square);
      to.floats(kept.mean);
      to.floats(kept.velocity);
    }
  }
  Status restore_state(StateReader& from) override {
    TRIB_TRY(count, from.number());
    for (std::uint64_t i = 0; i < count; ++i) {
      TRIB_TRY(square, from.floats());
      TRIB_TRY(mean, from.floats());
      TRIB_TRY(velocity, from.floats());
      kept_.push_back({std::move(square), std::move(mean), std::move(velocity)});
    }
    return {};
  }

 private:
  struct Kept {
    std::vector<float> square, mean, velocity;  // empty where an option does not ask for it
  };
  float rate_;
  double alpha_;
  float epsilon_;
  float momentum_;
  float decay_;
  bool centered_;
  std::vector<Kept> kept_;
};

}  // namespace

Result<std::unique_ptr<Optimizer>> make_optimizer(const PluginChoice& choice,
                                                  double learning_rate_factor) {
  std::unique_ptr<Optimizer> made;
  if (choice.name == "sgd") made = std::make_unique<Sgd>(choice.options, learning_rate_factor);
  if (choice.name == "adam")
    made = std::make_unique<Adam>(choice.options, learning_rate_factor, false);
  if (choice.name == "adamw")
    made = std::make_unique<Adam>(choice.options, learning_rate_factor, true);
  if (choice.name == "rmsprop")
    made = std::make_unique<RmsProp>(choice.options, learning_rate_factor);
  if (!made) {
    return make_error(ErrorCode::kInvalidArgument,
                      "there is no optimizer '" + choice.name +
                          "' in this client; it knows: sgd, adam, adamw, rmsprop");
  }
  return made;
}

}  // namespace tributary

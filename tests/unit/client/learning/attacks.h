// SPDX-License-Identifier: Apache-2.0
// Attacks that are published, on what a training sends: for tests that show what they find in a
// plain update, and that they find nothing in what leaves a site otherwise.
#pragma once

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/script.h>

#include <algorithm>
#include <cmath>

#include "client/learning/learner.h"
#include "common/base/random_source.h"
#include "tests/support/plugin_choice.h"

namespace tributary {

inline constexpr std::int64_t kColumns = 12, kHidden = 10, kClasses = 4;
inline constexpr double kRate = 1.0;  // one step of which is the gradient itself
// The mean squared error of whoever guesses the mean of inputs that are standard normal.
inline constexpr double kBaseline = 1.0;

inline JobSpec attacked_job(const char* family, TargetKind target, bool is_private) {
  JobSpec job;
  job.model = choose(model_families(), family);
  if (std::string(family) == "mlp") {
    job.model.options["hidden"] = std::vector<std::int64_t>{kHidden};
    job.model.options["activation"] = std::string("sigmoid");
  }
  job.data.target = target;
  job.data.classes = kClasses;
  job.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", kRate}});
  job.train.batch_size = 0;
  job.train.steps = 1;
  if (is_private) {
    job.privacy.records = {.clip = 1, .noise_multiplier = 1, .delta = 1e-5, .max_epsilon = 100};
  }
  return job;
}

inline ExampleSet normal_rows(std::int64_t rows, std::int64_t classes, std::uint64_t seed) {
  SeededRandom random(seed);
  ExampleSet data{{kColumns}, rows, {}, {}, {}};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t k = 0; k < kColumns; ++k)
      data.inputs.push_back(static_cast<float>(random.normal()));
    data.labels.push_back(
        static_cast<std::int64_t>(random.uniform_below(static_cast<std::uint64_t>(classes))));
  }
  return data;
}

// What the coordinator sees: the gradient, with the sign of a step.
inline std::vector<double> seen(const JobSpec& job, const Model& global, const ExampleSet& data) {
  const auto trained = train({job, 1, global, data, 7, 1, {}, {}, {}});
  EXPECT_TRUE(trained) << trained.error().message;
  std::vector<double> gradient;
  for (const float one : trained->update.values)
    gradient.push_back(-static_cast<double>(one) / kRate);
  return gradient;
}

inline double error_of(const std::vector<double>& guess, const ExampleSet& data) {
  double squares = 0;
  for (std::size_t i = 0; i < guess.size(); ++i) {
    const double off = guess[i] - static_cast<double>(data.inputs[i]);
    squares += off * off;
  }
  return squares / static_cast<double>(guess.size());
}

inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// The gradients of a unit's weights are the record times that of its bias (Aono et al. 2017).
inline std::vector<double> inverted(const std::vector<double>& gradient) {
  const std::size_t biases = kHidden * kColumns;
  std::size_t unit = 0;
  for (std::size_t j = 1; j < kHidden; ++j) {
    if (std::abs(gradient[biases + j]) > std::abs(gradient[biases + unit])) unit = j;
  }
  std::vector<double> guess;
  for (std::size_t k = 0; k < kColumns; ++k)
    guess.push_back(gradient[unit * kColumns + k] / gradient[biases + unit]);
  return guess;
}

// Deep leakage from gradients (Zhu et al. 2019) with the label read off the last bias (iDLG, Zhao
// et al. 2020): an input is moved until its gradient is the one that was seen.
class DeepLeakage {
 public:
  DeepLeakage(const Model& global, const std::vector<double>& gradient) {
    std::size_t at = 0;
    for (const TensorInfo& tensor : global.layout.tensors) {
      const auto count = static_cast<std::size_t>(element_count(tensor));
      torch::Tensor weight = torch::empty(tensor.shape, torch::kDouble);
      torch::Tensor target = torch::empty(tensor.shape, torch::kDouble);
      for (std::size_t i = 0; i < count; ++i) {
        weight.data_ptr<double>()[i] = static_cast<double>(global.values[at + i]);
        target.data_ptr<double>()[i] = gradient[at + i];
      }
      weights_.push_back(weight.requires_grad_());
      targets_.push_back(target);
      at += count;
    }
    label_ = targets_[3].item<double>() < 0 ? 1.0 : 0.0;
  }

  std::vector<double> guess(std::uint64_t seed) {
    SeededRandom random(seed);
    torch::Tensor input = torch::empty({1, kColumns}, torch::kDouble);
    for (std::int64_t k = 0; k < kColumns; ++k) input.data_ptr<double>()[k] = random.normal();
    input.requires_grad_();
    torch::Tensor mean = torch::zeros_like(input), square = torch::zeros_like(input);
    for (int step = 1; step <= 1200; ++step) {
      const torch::Tensor slope = torch::autograd::grad({distance(input)}, {input})[0];
      const torch::NoGradGuard plain;
      mean = 0.9 * mean + 0.1 * slope;
      square = 0.999 * square + 0.001 * slope.square();
      const torch::Tensor unbiased = square / (1 - std::pow(0.999, step));
      input -= 0.05 * mean / (1 - std::pow(0.9, step)) / (unbiased.sqrt() + 1e-12);
    }
    const double* values = input.data_ptr<double>();
    return {values, values + kColumns};
  }

 private:
  torch::Tensor distance(const torch::Tensor& input) const {
    const torch::Tensor hidden = at::sigmoid(at::linear(input, weights_[0], weights_[1]));
    const torch::Tensor output = at::linear(hidden, weights_[2], weights_[3]).reshape({-1});
    const torch::Tensor loss =
        at::binary_cross_entropy_with_logits(output, torch::full({1}, label_, torch::kDouble));
    const auto gradients = torch::autograd::grad({loss}, weights_, {}, true, true);
    torch::Tensor sum = torch::zeros({}, torch::kDouble);
    for (std::size_t i = 0; i < gradients.size(); ++i)
      sum = sum + (gradients[i] - targets_[i]).square().sum();
    return sum;
  }

  torch::autograd::variable_list weights_, targets_;
  double label_ = 0;
};

// At a model of zeros each class has the same probability, so that the last bias tells the share of
// each label (Wainakh et al. 2022).
inline std::vector<double> label_counts(const std::vector<double>& gradient, std::int64_t rows) {
  std::vector<double> counts;
  for (std::size_t label = 0; label < kClasses; ++label) {
    const double share = 1.0 / kClasses - gradient[kClasses * kColumns + label];
    counts.push_back(share * static_cast<double>(rows));
  }
  return counts;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
// What a site would refuse of a model although model and data are right by themselves.
#include <algorithm>

#include "common/config/job_sections.h"

namespace tributary {
namespace {

using Shape = std::vector<std::int64_t>;

std::string shape_text(const Shape& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

template <typename Value>
Value option_or(const JobSpec& spec, const std::string& name, Value fallback) {
  const auto found = spec.model.options.find(name);
  if (found == spec.model.options.end()) return fallback;
  return std::get<Value>(found->second);
}

std::int64_t vocabulary_of(const JobSpec& spec) {
  return option_or<std::int64_t>(spec, "vocabulary", 0);
}

bool is_one_of(const JobSpec& spec, const std::vector<std::string>& families) {
  return std::ranges::find(families, spec.model.name) != families.end();
}

// Faults stand at model, which may be a word alone.
class Fit {
 public:
  Fit(Section& root, JobSpec& spec) : root_(root), spec_(spec) {}

  void check() {
    complete();
    check_task();
    check_inputs();
    check_sizes();
    if (is_one_of(spec_, {"resnet", "unet"}) && spec_.privacy.records &&
        option_or<std::string>(spec_, "norm", "") == "batch") {
      fault(
          "with norm: batch mixes the rows of a batch, and privacy.records holds where a row's "
          "gradient is its own; use norm: group");
    }
  }

 private:
  void fault(const std::string& why) { root_.fault("model", spec_.model.name + " " + why); }

  // What follows from the model.
  void complete() {
    DataSpec& data = spec_.data;
    if (data.target != TargetKind::kTokens) return;
    if (data.classes == 0) data.classes = vocabulary_of(spec_);
    if (data.classes == 0) {
      root_.fault("data", "task: tokens needs classes, or a model with a vocabulary");
    }
    if (spec_.model.name != "translator" || data.input_shape.size() != 1) return;
    const auto source = option_or<std::int64_t>(spec_, "source_length", 0);
    if (source < data.input_shape[0]) {
      data.target_shape = {data.input_shape[0] - source};
    } else {
      fault("with source_length: " + std::to_string(source) +
            " leaves no place of data.input_shape: " + shape_text(data.input_shape) +
            " for the translation");
    }
  }

  void check_task() {
    const TargetKind target = spec_.data.target;
    const std::vector<std::string> of_places = {"rnn", "transformer", "translator", "torchscript"};
    if (target == TargetKind::kTokens && !is_one_of(spec_, of_places))
      fault(
          "gives no token for each place: data.task: tokens is for rnn, transformer, translator "
          "and torchscript");
    if (target == TargetKind::kSegmentation && !is_one_of(spec_, {"unet", "torchscript"}))
      fault("gives no class for each pixel: data.task: segmentation is for unet and torchscript");
    if (target != TargetKind::kSegmentation && is_one_of(spec_, {"unet"}))
      fault("needs data.task: segmentation");
    if (target != TargetKind::kTokens && is_one_of(spec_, {"translator"}))
      fault("needs data.task: tokens");
    if (target != TargetKind::kUnlabelled && is_one_of(spec_, {"autoencoder", "vae"}))
      fault("gives its input back: it needs data.task: unlabelled");
    if (target == TargetKind::kTokens && option_or<bool>(spec_, "bidirectional", false))
      fault("with bidirectional: true would see the tokens that data.task: tokens asks for");
  }

  void check_inputs() {
    const DataSpec& data = spec_.data;
    const std::size_t sizes = data.input_shape.size();
    const bool ids = vocabulary_of(spec_) > 0;
    if (is_one_of(spec_, {"cnn", "resnet", "unet"}) && sizes != 3)
      fault("needs data.input_shape of three sizes: [channels, height, width]");
    if (data.text || data.windows) return;  // which say what rows look like
    if (ids && (sizes != 1 || data.value_scale != 1.0)) {
      fault("reads ids: it needs data.input_shape of one size, [length], and no value_scale");
    }
    if (!ids && is_one_of(spec_, {"rnn", "transformer"}) && sizes != 2) {
      fault(
          "needs data.input_shape of two sizes, [steps, features], or, where inputs are ids, "
          "vocabulary");
    }
  }

  void check_sizes() {
    if (spec_.model.name == "cnn") check_groups();
    const Shape channels = option_or<Shape>(spec_, "channels", {});
    const bool halves = spec_.model.name == "unet" || is_one_of(spec_, {"autoencoder", "vae"});
    if (halves && !channels.empty())
      check_halving(channels.size() - (spec_.model.name == "unet" ? 1 : 0));
    if (is_one_of(spec_, {"unet"}) && channels.empty())
      fault("with channels needs at least one entry");
    if (is_one_of(spec_, {"spiking"}) && option_or<Shape>(spec_, "hidden", {}).empty())
      fault("with hidden needs at least one entry");
    const auto heads = option_or<std::int64_t>(spec_, "heads", 1);
    const auto width = option_or<std::int64_t>(spec_, "width", heads);
    if (width % heads != 0) {
      fault("with heads: " + std::to_string(heads) +
            " does not divide width: " + std::to_string(width));
    }
    if (is_one_of(spec_, {"spiking"}) && spec_.data.target != TargetKind::kClasses &&
        option_or<std::string>(spec_, "output", "") == "spikes")
      fault("with output: spikes is for data.task: classes; use output: membrane");
  }

  void check_halving(std::size_t times) {
    const Shape& shape = spec_.data.input_shape;
    if (shape.size() != 3) {
      if (spec_.model.name != "unet")
        fault("with channels is for pictures: data.input_shape of three sizes");
      return;
    }
    const std::int64_t divisor = std::int64_t{1} << std::min<std::size_t>(times, 40);
    if (shape[1] % divisor == 0 && shape[2] % divisor == 0) return;
    fault("with channels halve the picture " + std::to_string(times) +
          " times: height and width must be divisible by " + std::to_string(divisor) +
          ", and data.input_shape is " + shape_text(shape));
  }

  void check_groups() {
    if (option_or<std::string>(spec_, "norm", "") != "group") return;
    const auto groups = option_or<std::int64_t>(spec_, "groups", 1);
    for (const auto channels : option_or<Shape>(spec_, "channels", {})) {
      if (channels % groups == 0) continue;
      root_.section("model", Section::Need::kRequired)
          .fault("groups", std::to_string(groups) + " does not divide the " +
                               std::to_string(channels) + " channels of a convolution");
      return;
    }
  }

  Section& root_;
  JobSpec& spec_;
};

}  // namespace

void fit_model(Section& root, JobSpec& spec) { Fit(root, spec).check(); }

}  // namespace tributary

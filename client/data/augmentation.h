// SPDX-License-Identifier: Apache-2.0
// Augmentation: a plug-in that changes a site's training rows before the model sees them, so that
// few of them teach more. Factories are constants, any thread; an Augmenter belongs to one
// training. No Torch, no file; it knows rows as flat floats. All that it draws follows from the
// training's seed and a row's place in the training, so a training that goes on from a checkpoint
// sees the same bits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "client/data/example_set.h"
#include "common/base/random_source.h"
#include "common/base/result.h"
#include "common/domain/data_spec.h"
#include "common/domain/plugin_choice.h"

namespace tributary {

// One row. A change keeps its shape, and leaves finite numbers finite.
struct AugmentedRow {
  std::span<const std::int64_t> shape;  // picture: [channels, height, width]; series: [steps, ...]
  std::span<float> inputs;              // row-major
  // The class of each pixel, where the job's labels are masks of [height, width]: what moves the
  // picture moves it too, and a pixel that comes from outside has the class -1. Else empty.
  std::span<std::int64_t> mask = {};
};

// Keeps memory between rows, nothing of them.
class RowChange {
 public:
  virtual ~RowChange() = default;
  virtual void apply(const AugmentedRow& row, RandomSource& random) = 0;
};

// A plug-in has one of the three.
struct Augmentation {
  std::string_view name;
  std::string_view help;
  // Changes each row by itself.
  std::unique_ptr<RowChange> (*make)(const OptionMap& options) = nullptr;
  // Mixes each row of a batch with another one of it: the share that it keeps of itself, 0 to 1.
  double (*kept)(const OptionMap& options, RandomSource& random) = nullptr;
  // Puts rows behind a site's own, once before the training. `data` has labels of whole rows.
  void (*grow)(const OptionMap& options, ExampleSet& data, RandomSource& random) = nullptr;
};

std::span<const Augmentation* const> augmentation_table();  // generated
Result<const Augmentation*> find_augmentation(std::string_view name);

// All that a job's train.augment asks for, in its order.
class Augmenter {
 public:
  Augmenter() = default;  // changes nothing
  // Fails for a name that this client does not know.
  static Result<Augmenter> make(std::span<const PluginChoice> chosen, std::uint64_t seed);

  bool changes_rows() const { return !changes_.empty(); }
  // `place`: of the row in the training, all rows that it sees counted on. `view`: 0, or 1 where
  // the same row is changed a second time.
  void change(const AugmentedRow& row, std::uint64_t place, std::uint64_t view);

  struct Mix {
    double kept = 1.0;
    std::vector<std::int64_t> partners;  // of each row of the batch, another one or itself
  };
  // None where rows are not mixed. `place`: of the batch's first row.
  std::optional<Mix> mix(std::size_t rows, std::uint64_t place) const;

  // The site's rows with those that are put behind them; none where there are none to put.
  std::optional<ExampleSet> grown(const ExampleSet& data) const;

 private:
  struct Chosen {
    const Augmentation* plugin;
    OptionMap options;
  };
  std::uint64_t seed_ = 0;
  std::vector<std::unique_ptr<RowChange>> changes_;
  std::vector<Chosen> mixing_;
  std::vector<Chosen> growing_;
};

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include <numeric>

#include "client/data/augmentation.h"

namespace tributary {

Result<Augmenter> Augmenter::make(std::span<const PluginChoice> chosen, std::uint64_t seed) {
  Augmenter augmenter;
  augmenter.seed_ = seed;
  for (const PluginChoice& choice : chosen) {
    TRIB_TRY(plugin, find_augmentation(choice.name));
    if (plugin->make != nullptr) augmenter.changes_.push_back(plugin->make(choice.options));
    if (plugin->kept != nullptr) augmenter.mixing_.push_back({plugin, choice.options});
    if (plugin->grow != nullptr) augmenter.growing_.push_back({plugin, choice.options});
  }
  return augmenter;
}

void Augmenter::change(const AugmentedRow& row, std::uint64_t place, std::uint64_t view) {
  SeededRandom random(derive_seed(seed_, view == 0 ? "row" : "view", place));
  for (const auto& change : changes_) change->apply(row, random);
}

std::optional<Augmenter::Mix> Augmenter::mix(std::size_t rows, std::uint64_t place) const {
  if (mixing_.empty()) return std::nullopt;
  SeededRandom random(derive_seed(seed_, "mix", place));
  Mix mix;
  mix.kept = mixing_.front().plugin->kept(mixing_.front().options, random);
  mix.partners.resize(rows);
  std::iota(mix.partners.begin(), mix.partners.end(), std::int64_t{0});
  random.shuffle(mix.partners);
  return mix;
}

std::optional<ExampleSet> Augmenter::grown(const ExampleSet& data) const {
  if (growing_.empty()) return std::nullopt;
  ExampleSet all = data;
  SeededRandom random(derive_seed(seed_, "grow"));
  for (const Chosen& chosen : growing_) chosen.plugin->grow(chosen.options, all, random);
  return all;
}

}  // namespace tributary

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include "client/data/augmentation.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// Of a larger class, neighbours are sought among so many rows drawn by lot: the search takes the
// square of them.
constexpr std::size_t kPoolRows = 4096;

// Chawla et al. 2002: a new row lies between one of a rare class and one of that row's nearest
// neighbours in it. Columns of nothing but 0 and 1 are those of categories: they are all taken from
// the nearer end, so that a row has one category as before.
class Smote {
 public:
  Smote(ExampleSet& data, std::size_t neighbours, RandomSource& random)
      : data_(data),
        random_(random),
        neighbours_(neighbours),
        columns_(data.rows == 0 ? 0 : data.inputs.size() / static_cast<std::size_t>(data.rows)),
        category_(columns_, true) {
    for (std::size_t i = 0; i < data.inputs.size(); ++i) {
      const float value = data.inputs[i];
      if (value != 0.0F && value != 1.0F) category_[i % columns_] = false;
    }
  }

  // `pool`: rows of one class, at least two.
  void add(std::vector<std::size_t> pool, std::size_t count) {
    const std::int64_t label = data_.labels[pool[0]];
    random_.shuffle(pool);
    pool.resize(std::min(pool.size(), kPoolRows));
    std::vector<std::vector<std::size_t>> nearest(pool.size());
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t base = i % pool.size();
      if (nearest[base].empty()) nearest[base] = nearest_to(base, pool);
      const std::size_t drawn =
          static_cast<std::size_t>(random_.uniform_below(nearest[base].size()));
      add_between(pool[base], nearest[base][drawn]);
      data_.labels.push_back(label);
      ++data_.rows;
    }
  }

 private:
  double distance(std::size_t a, std::size_t b) const {
    const float* x = data_.inputs.data() + a * columns_;
    const float* y = data_.inputs.data() + b * columns_;
    double sum = 0.0;
    for (std::size_t i = 0; i < columns_; ++i) {
      const double difference = double{x[i]} - double{y[i]};
      sum += difference * difference;
    }
    return sum;
  }

  std::vector<std::size_t> nearest_to(std::size_t base,
                                      const std::vector<std::size_t>& pool) const {
    std::vector<std::pair<double, std::size_t>> all;
    for (std::size_t i = 0; i < pool.size(); ++i) {
      if (i != base) all.emplace_back(distance(pool[base], pool[i]), pool[i]);
    }
    const std::size_t count = std::min(neighbours_, all.size());
    std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < count; ++i) rows.push_back(all[i].second);
    return rows;
  }

  void add_between(std::size_t base, std::size_t other) {
    const double gap = random_.uniform();
    for (std::size_t i = 0; i < columns_; ++i) {
      const float a = data_.inputs[base * columns_ + i], b = data_.inputs[other * columns_ + i];
      const double between = double{a} + gap * (double{b} - double{a});
      data_.inputs.push_back(category_[i] ? (gap < 0.5 ? a : b) : static_cast<float>(between));
    }
  }

  ExampleSet& data_;
  RandomSource& random_;
  std::size_t neighbours_, columns_;
  std::vector<bool> category_;
};

void grow(const OptionMap& options, ExampleSet& data, RandomSource& random) {
  std::vector<std::vector<std::size_t>> classes;
  for (std::size_t row = 0; row < data.labels.size(); ++row) {
    if (data.labels[row] < 0) continue;  // it has none
    const auto label = static_cast<std::size_t>(data.labels[row]);
    if (label >= classes.size()) classes.resize(label + 1);
    classes[label].push_back(row);
  }
  std::size_t largest = 0;
  for (const auto& rows : classes) largest = std::max(largest, rows.size());
  const auto wanted = static_cast<std::size_t>(
      std::llround(option<double>(options, "share") * static_cast<double>(largest)));
  Smote smote(data, static_cast<std::size_t>(option<std::int64_t>(options, "neighbours")), random);
  for (const auto& rows : classes) {
    // Between one row and itself there is nothing.
    if (rows.size() >= 2 && rows.size() < wanted) smote.add(rows, wanted - rows.size());
  }
}

}  // namespace

const Augmentation& smote_augmentation() {
  static constexpr Augmentation kSmote{"smote", "New rows of rare classes, between those there are",
                                       nullptr, nullptr, &grow};
  return kSmote;
}

}  // namespace tributary

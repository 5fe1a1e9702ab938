// SPDX-License-Identifier: Apache-2.0
#include "client/data/partition.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "common/base/random_source.h"

namespace tributary {
namespace {

using Sites = std::vector<std::vector<std::size_t>>;

constexpr std::size_t kLeastRows = 10;  // of a site, as in NIID-Bench (Li et al. 2022)
constexpr int kDrawsMax = 1000;

// Logarithm of a Gamma(alpha, 1) variate by Marsaglia and Tsang (2000), with the boost for
// alpha < 1, which for small alpha leaves the range of double otherwise.
double draw_log_gamma(RandomSource& random, double alpha) {
  if (alpha < 1.0) {
    const double boosted = draw_log_gamma(random, alpha + 1.0);
    return boosted + std::log(1.0 - random.uniform()) / alpha;
  }
  const double d = alpha - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double x = random.normal();
    const double v = std::pow(1.0 + c * x, 3);
    if (v <= 0.0) continue;
    if (std::log(1.0 - random.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) {
      return std::log(d * v);
    }
  }
}

std::vector<double> draw_shares(RandomSource& random, std::size_t sites, double alpha) {
  std::vector<double> shares(sites);
  for (double& share : shares) share = draw_log_gamma(random, alpha);
  const double largest = *std::ranges::max_element(shares);
  for (double& share : shares) share = std::exp(share - largest);
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share /= total;
  return shares;
}

// Consecutive parts, equal up to one row, dealt to the sites in the order of `turns`.
Sites deal(const std::vector<std::size_t>& rows, const std::vector<std::size_t>& turns,
           std::size_t sites) {
  Sites dealt(sites);
  const auto start = [&](std::size_t part) {
    return rows.begin() + static_cast<std::ptrdiff_t>(part * rows.size() / turns.size());
  };
  for (std::size_t i = 0; i < turns.size(); ++i) {
    std::vector<std::size_t>& site = dealt[turns[i]];
    site.insert(site.end(), start(i), start(i + 1));
  }
  return dealt;
}

Sites divide_by_dirichlet(const PartitionSpec& spec, std::span<const std::int64_t> labels,
                          RandomSource& random) {
  std::map<std::int64_t, std::vector<std::size_t>> by_label;
  for (std::size_t row = 0; row < labels.size(); ++row) by_label[labels[row]].push_back(row);
  Sites sites(spec.sites);
  for (auto& [label, rows] : by_label) {
    random.shuffle(rows);
    const std::vector<double> shares = draw_shares(random, spec.sites, spec.alpha);
    double upto = 0.0;
    std::size_t at = 0;
    for (std::size_t site = 0; site < spec.sites; ++site) {
      upto += shares[site];
      const auto end =
          site + 1 == spec.sites
              ? rows.size()
              : static_cast<std::size_t>(std::llround(upto * static_cast<double>(rows.size())));
      for (; at < std::min(end, rows.size()); ++at) sites[site].push_back(rows[at]);
    }
  }
  return sites;
}

// A site without rows could never train, so the draw is repeated until each has a few.
Result<Sites> draw_dirichlet(const PartitionSpec& spec, std::span<const std::int64_t> labels,
                             RandomSource& random) {
  const std::size_t least = std::min(kLeastRows, labels.size() / spec.sites);
  for (int draw = 0; draw < kDrawsMax; ++draw) {
    Sites sites = divide_by_dirichlet(spec, labels, random);
    if (std::ranges::all_of(sites, [least](const auto& rows) { return rows.size() >= least; })) {
      return sites;
    }
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "no division of " + std::to_string(labels.size()) + " rows among " +
                        std::to_string(spec.sites) + " sites gave each at least " +
                        std::to_string(least) + "; use a larger alpha or fewer sites");
}

template <typename T>
std::size_t width_of(const RowVector<T>& values, std::int64_t rows) {
  return rows == 0 ? 0 : values.size() / static_cast<std::size_t>(rows);
}

template <typename T>
void take_values(const RowVector<T>& from, std::int64_t all, const std::vector<std::size_t>& rows,
                 RowVector<T>& to) {
  const std::size_t width = width_of(from, all);
  to.reserve(rows.size() * width);
  for (const std::size_t row : rows) {
    const auto begin = from.begin() + static_cast<std::ptrdiff_t>(row * width);
    to.insert(to.end(), begin, begin + static_cast<std::ptrdiff_t>(width));
  }
}

template <typename T>
void keep_values(RowVector<T>& values, std::int64_t all, const std::vector<std::size_t>& rows) {
  const std::size_t width = width_of(values, all);
  T* to = values.data();
  for (const std::size_t row : rows) {
    const T* from = values.data() + row * width;
    if (from != to) std::copy_n(from, width, to);  // never forward over what is still wanted
    to += width;
  }
  values.resize(rows.size() * width);
}

}  // namespace

Result<Sites> partition_rows(const PartitionSpec& spec, std::span<const std::int64_t> labels) {
  const std::size_t parts =
      spec.sites * (spec.kind == PartitionKind::kShards ? spec.shards_per_site : 1);
  if (parts == 0 || labels.size() < parts) {
    return make_error(ErrorCode::kInvalidArgument, std::to_string(labels.size()) +
                                                       " rows cannot be divided into " +
                                                       std::to_string(parts) + " parts");
  }
  SeededRandom random(derive_seed(spec.seed, "partition"));
  if (spec.kind == PartitionKind::kDirichlet) {
    if (!(spec.alpha > 0.0) || !std::isfinite(spec.alpha)) {
      return make_error(ErrorCode::kInvalidArgument, "alpha of a division must be above 0");
    }
    return draw_dirichlet(spec, labels, random);
  }
  std::vector<std::size_t> rows(labels.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  std::vector<std::size_t> turns(parts);
  for (std::size_t i = 0; i < parts; ++i) turns[i] = i % spec.sites;
  if (spec.kind == PartitionKind::kIid) {
    random.shuffle(rows);
  } else {
    std::ranges::stable_sort(rows, {}, [labels](std::size_t row) { return labels[row]; });
    random.shuffle(turns);
  }
  return deal(rows, turns, spec.sites);
}

ExampleSet take_rows(const ExampleSet& from, const std::vector<std::size_t>& rows) {
  ExampleSet taken = stored_examples(from.inputs.get_allocator().store());
  taken.input_shape = from.input_shape;
  taken.target_shape = from.target_shape;
  taken.rows = static_cast<std::int64_t>(rows.size());
  take_values(from.inputs, from.rows, rows, taken.inputs);
  take_values(from.labels, from.rows, rows, taken.labels);
  take_values(from.targets, from.rows, rows, taken.targets);
  return taken;
}

void keep_rows(ExampleSet& examples, const std::vector<std::size_t>& rows) {
  keep_values(examples.inputs, examples.rows, rows);
  keep_values(examples.labels, examples.rows, rows);
  keep_values(examples.targets, examples.rows, rows);
  examples.rows = static_cast<std::int64_t>(rows.size());
}

}  // namespace tributary

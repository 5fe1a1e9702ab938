// SPDX-License-Identifier: Apache-2.0
// The aggregation rules once more, as the papers define them: on whole vectors in double, without
// thought for time or memory. What the tests hold the rules against; nothing of the room is used.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace tributary::reference {

using Vector = std::vector<double>;
using Vectors = std::vector<Vector>;

inline double distance(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t c = 0; c < a.size(); ++c) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return std::sqrt(sum);
}

inline double norm(const Vector& a) { return distance(a, Vector(a.size())); }

inline double middle(Vector values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2.0;
}

inline Vector mean(const Vectors& x) {
  Vector sum(x[0].size());
  for (const Vector& one : x) {
    for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += one[c] / static_cast<double>(x.size());
  }
  return sum;
}

template <typename Function>
Vector for_each_coordinate(const Vectors& x, Function function) {
  Vector into;
  for (std::size_t c = 0; c < x[0].size(); ++c) {
    Vector values;
    for (const Vector& one : x) values.push_back(one[c]);
    into.push_back(function(values));
  }
  return into;
}

inline Vector median(const Vectors& x) { return for_each_coordinate(x, middle); }

inline Vector trimmed_mean(const Vectors& x, std::size_t f) {
  return for_each_coordinate(x, [f](Vector values) {
    for (std::size_t i = 0; i < f; ++i) {
      values.erase(std::min_element(values.begin(), values.end()));
      values.erase(std::max_element(values.begin(), values.end()));
    }
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  });
}

// Takes the farthest from the median away until `keep` are left.
inline Vector mean_around_median(const Vectors& x, std::size_t keep) {
  return for_each_coordinate(x, [keep](Vector values) {
    const double center = middle(values);
    while (values.size() > keep) {
      values.erase(std::max_element(values.begin(), values.end(), [center](double a, double b) {
        return std::abs(a - center) < std::abs(b - center);
      }));
    }
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(keep);
  });
}

// The score of x[i]: squared distances to its `neighbours` nearest others.
inline double krum_score(const Vectors& x, std::size_t i, std::size_t neighbours) {
  Vector squares;
  for (std::size_t j = 0; j < x.size(); ++j) {
    if (j != i) squares.push_back(distance(x[i], x[j]) * distance(x[i], x[j]));
  }
  std::sort(squares.begin(), squares.end());
  return std::accumulate(squares.begin(), squares.begin() + static_cast<std::ptrdiff_t>(neighbours),
                         0.0);
}

inline std::vector<std::size_t> krum_ranking(const Vectors& x, std::size_t neighbours) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), 0);
  Vector scores;
  for (std::size_t i = 0; i < x.size(); ++i) scores.push_back(krum_score(x, i, neighbours));
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  return order;
}

inline Vector multi_krum(const Vectors& x, std::size_t f, std::size_t select) {
  const auto order = krum_ranking(x, x.size() - f - 2);
  Vectors selected;
  for (std::size_t k = 0; k < select; ++k) selected.push_back(x[order[k]]);
  return mean(selected);
}

inline Vector bulyan(const Vectors& x, std::size_t f) {
  Vectors left = x, selected;
  while (selected.size() < x.size() - 2 * f) {
    const std::size_t neighbours = left.size() > f + 3 ? left.size() - f - 2 : 1;
    const std::size_t best =
        left.size() == 1 ? 0 : krum_ranking(left, std::min(neighbours, left.size() - 1))[0];
    selected.push_back(left[best]);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return mean_around_median(selected, x.size() - 4 * f);
}

inline Vector weighted_sum(const Vectors& x, const Vector& weights) {
  Vector sum(x[0].size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += weights[i] * x[i][c];
  }
  return sum;
}

inline Vector scaled_to_one(Vector weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

inline Vector geometric_median(const Vectors& x, const Vector& weights, double smoothing,
                               int iterations) {
  Vector v = weighted_sum(x, scaled_to_one(weights));
  for (int k = 0; k < iterations; ++k) {
    Vector beta;
    for (std::size_t i = 0; i < x.size(); ++i)
      beta.push_back(weights[i] / std::max(smoothing, distance(x[i], v)));
    v = weighted_sum(x, scaled_to_one(beta));
  }
  return v;
}

inline Vector centered_clipping(const Vectors& x, double radius, int iterations) {
  Vector v(x[0].size());
  for (int k = 0; k < iterations; ++k) {
    Vector step(v.size());
    for (const Vector& one : x) {
      const double far = distance(one, v);
      const double factor = std::min(1.0, radius / far) / static_cast<double>(x.size());
      for (std::size_t c = 0; c < v.size(); ++c) step[c] += factor * (one[c] - v[c]);
    }
    for (std::size_t c = 0; c < v.size(); ++c) v[c] += step[c];
  }
  return v;
}

inline Vector norm_clipping(const Vectors& x, const Vector& weights, double bound) {
  Vector factors = scaled_to_one(weights);
  for (std::size_t i = 0; i < x.size(); ++i) factors[i] *= std::min(1.0, bound / norm(x[i]));
  return weighted_sum(x, factors);
}

// In the words of the paper: dw = L (w - w_k), delta_k = F^q dw, h_k = q F^(q-1) |dw|^2 + L F^q,
// w' = w - sum(delta) / sum(h).
inline Vector q_fedavg(const Vectors& updates, const Vector& losses, double q, double lipschitz) {
  Vector step(updates[0].size());
  double h = 0.0;
  for (std::size_t k = 0; k < updates.size(); ++k) {
    Vector dw;
    for (const double value : updates[k]) dw.push_back(-lipschitz * value);
    for (std::size_t c = 0; c < step.size(); ++c) step[c] += std::pow(losses[k], q) * dw[c];
    h +=
        q * std::pow(losses[k], q - 1.0) * norm(dw) * norm(dw) + lipschitz * std::pow(losses[k], q);
  }
  for (double& value : step) value /= -h;
  return step;
}

// Cao et al., algorithm 2: trust scores, updates as long as the root's, their weighted mean.
inline Vector fltrust(const Vectors& x, std::size_t root) {
  Vector sum(x[root].size());
  double trust = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i == root || norm(x[i]) == 0.0 || norm(x[root]) == 0.0) continue;
    double cosine = 0.0;
    for (std::size_t c = 0; c < sum.size(); ++c)
      cosine += (x[i][c] / norm(x[i])) * (x[root][c] / norm(x[root]));
    const double score = cosine > 0.0 ? cosine : 0.0;
    for (std::size_t c = 0; c < sum.size(); ++c)
      sum[c] += score * (x[i][c] / norm(x[i]) * norm(x[root]));
    trust += score;
  }
  if (trust > 0.0) {
    for (double& value : sum) value /= trust;
  }
  return sum;
}

// Rows with the same neighbours come out the same to the last bit, and so tie.
inline Vectors nearest_neighbour_mixing(const Vectors& x, std::size_t f) {
  Vectors mixed;
  for (const Vector& one : x) {
    Vector distances;
    for (const Vector& other : x) distances.push_back(distance(one, other));
    Vector sorted = distances;
    std::sort(sorted.begin(), sorted.end());
    Vectors near;
    for (std::size_t j = 0; j < x.size(); ++j) {
      if (distances[j] <= sorted[x.size() - f - 1]) near.push_back(x[j]);
    }
    mixed.push_back(mean(near));
  }
  return mixed;
}

}  // namespace tributary::reference

// SPDX-License-Identifier: Apache-2.0
// From a copula's means to rows: the correlations of the normal numbers behind the scores, a matrix
// that is one of correlations, and words of which a row has one.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "client/learning/copula.h"
#include "common/base/assert.h"

namespace tributary {
namespace {

constexpr std::size_t kDegrees = 48;       // of Hermite polynomials
constexpr std::size_t kSampleRows = 8192;  // that are drawn to see what is drawn

std::size_t size(std::int64_t value) { return static_cast<std::size_t>(value); }

// The correlation of two normal numbers whose scores have this one. Scores rise with their numbers,
// so it rises with it.
double correlation_behind(std::span<const double> one, std::span<const double> other,
                          double together) {
  double low = -1.0, high = 1.0;
  for (int i = 0; i < 40; ++i) {
    const double middle = 0.5 * (low + high);
    double sum = 0.0;
    for (std::size_t n = one.size(); n-- > 0;) sum = middle * (sum + one[n] * other[n]);
    (sum < together ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

// Eigenvalues on the diagonal of `matrix`, eigenvectors in the columns of what is returned
// (Jacobi's rotations).
std::vector<double> eigenvectors(std::vector<double>& matrix, std::size_t n) {
  std::vector<double> vectors(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) vectors[i * n + i] = 1.0;
  constexpr int kSweeps = 30;
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    double off = 0.0;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        const double apq = matrix[p * n + q];
        off += apq * apq;
        if (std::abs(apq) < 1e-15) continue;
        const double theta = (matrix[q * n + q] - matrix[p * n + p]) / (2.0 * apq);
        const double t = (theta >= 0 ? 1.0 : -1.0) / (std::abs(theta) + std::hypot(theta, 1.0));
        const double c = 1.0 / std::hypot(t, 1.0), s = t * c;
        for (std::size_t k = 0; k < n; ++k) {
          const double kp = matrix[k * n + p], kq = matrix[k * n + q];
          matrix[k * n + p] = c * kp - s * kq;
          matrix[k * n + q] = s * kp + c * kq;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double pk = matrix[p * n + k], qk = matrix[q * n + k];
          matrix[p * n + k] = c * pk - s * qk;
          matrix[q * n + k] = s * pk + c * qk;
          const double vp = vectors[k * n + p], vq = vectors[k * n + q];
          vectors[k * n + p] = c * vp - s * vq;
          vectors[k * n + q] = s * vp + c * vq;
        }
      }
    }
    if (off < 1e-20) break;
  }
  return vectors;
}

// Gauss-Jordan; of a positive definite matrix, which needs no pivots.
std::vector<double> inverse(std::vector<double> matrix, std::size_t n) {
  std::vector<double> result(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) result[i * n + i] = 1.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double pivot = matrix[i * n + i];
    for (std::size_t k = 0; k < n; ++k) {
      matrix[i * n + k] /= pivot;
      result[i * n + k] /= pivot;
    }
    for (std::size_t j = 0; j < n; ++j) {
      const double factor = matrix[j * n + i];
      if (j == i || factor == 0.0) continue;
      for (std::size_t k = 0; k < n; ++k) {
        matrix[j * n + k] -= factor * matrix[i * n + k];
        result[j * n + k] -= factor * result[i * n + k];
      }
    }
  }
  return result;
}

}  // namespace

CopulaSampler::CopulaSampler(const CopulaMarginals& marginals, std::span<const float> products,
                             std::span<const WordGroup> groups)
    : marginals_(marginals),
      groups_(groups.begin(), groups.end()),
      lead_(size(marginals.shape().columns), 0.0) {
  const std::size_t columns = lead_.size();
  const std::vector<double> scores = score_correlations(marginals, products);
  std::vector<double> wanted = scores;
  std::vector<std::vector<double>> hermite;
  for (std::size_t i = 0; i < columns; ++i) hermite.push_back(marginals.hermite(i, kDegrees));
  for (std::size_t i = 0; i < columns; ++i) {
    for (std::size_t j = i + 1; j < columns; ++j) {
      double& value = wanted[i * columns + j];
      const double spread = marginals.deviation(i) * marginals.deviation(j);
      if (spread > 1e-9) value = correlation_behind(hermite[i], hermite[j], value * spread);
      wanted[j * columns + i] = value;
    }
  }
  // One word shuts out the others, which says nothing of how they go together: as little as can be.
  for (const WordGroup& group : groups_) {
    for (std::size_t i = group.first; i < group.first + group.count; ++i) {
      for (std::size_t j = group.first; j < group.first + group.count; ++j)
        if (i != j) wanted[i * columns + j] = -1.0 / static_cast<double>(group.count - 1);
    }
  }
  set_factors(wanted);
  balance_words();
  correct_words(std::move(wanted), scores);
}

// That one word of several is there says less of the normal number behind it than its sign would:
// what is drawn goes together too little. How much is seen by drawing.
void CopulaSampler::correct_words(std::vector<double> wanted, const std::vector<double>& scores) {
  const std::size_t n = lead_.size();
  std::vector<std::size_t> group_of(n, n);  // n: in none of three or more
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (std::size_t i = 0; groups_[g].count > 2 && i < groups_[g].count; ++i)
      group_of[groups_[g].first + i] = g;
  }
  if (std::ranges::all_of(group_of, [n](std::size_t group) { return group == n; })) return;
  constexpr int kSteps = 6;
  constexpr double kMost = 0.99;
  for (int step = 0; step < kSteps; ++step) {
    const std::vector<double> sampled = sampled_correlations();
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        if (group_of[i] == group_of[j]) continue;  // both in the same, or in none
        double& value = wanted[i * n + j];
        value = std::clamp(value + scores[i * n + j] - sampled[i * n + j], -kMost, kMost);
      }
    }
    set_factors(wanted);
    balance_words();
  }
}

// Of scores, and of whether words are there, as drawn.
std::vector<double> CopulaSampler::sampled_correlations() const {
  const std::size_t n = lead_.size();
  SeededRandom random(2);
  std::vector<float> row(n);
  std::vector<double> values(n), sums(n, 0.0), products(n * n, 0.0), all(n * n, 0.0);
  for (std::size_t drawn = 0; drawn < kSampleRows; ++drawn) {
    draw(random, row);
    for (std::size_t i = 0; i < n; ++i) {
      values[i] = marginals_.score(i, marginals_.bin_of(static_cast<double>(row[i])));
      sums[i] += values[i];
    }
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j <= i; ++j) products[i * n + j] += values[i] * values[j];
  }
  const auto rows = static_cast<double>(kSampleRows);
  const auto together = [&](std::size_t i, std::size_t j) {
    return products[i * n + j] / rows - sums[i] * sums[j] / (rows * rows);
  };
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double spread = std::sqrt(std::max(together(i, i) * together(j, j), 0.0));
      if (spread > 1e-9) all[i * n + j] = all[j * n + i] = together(i, j) / spread;
    }
  }
  return all;
}

// Correlations that were found pair by pair, or have noise in them, may be those of nothing: the
// matrix without its negative eigenvalues is the nearest one that is of something.
void CopulaSampler::set_factors(std::vector<double> correlations) {
  const std::size_t n = lead_.size();
  factors_ = eigenvectors(correlations, n);
  for (std::size_t i = 0; i < n; ++i) {
    double square = 0.0;
    for (std::size_t k = 0; k < n; ++k) {
      factors_[i * n + k] *= std::sqrt(std::max(correlations[k * n + k], 0.0));
      square += factors_[i * n + k] * factors_[i * n + k];
    }
    for (std::size_t k = 0; k < n; ++k) factors_[i * n + k] /= std::sqrt(std::max(square, 1e-12));
  }
}

// The word with the greatest lead is the row's: leads are moved until each is so as often as in the
// model.
void CopulaSampler::balance_words() {
  if (groups_.empty()) return;
  constexpr std::size_t kRows = kSampleRows;
  constexpr double kHalf = 0.5;  // between a word that is there and one that is not
  constexpr double kLeast = 0.25 / static_cast<double>(kRows);
  std::vector<double> wanted(lead_.size());
  for (const WordGroup& group : groups_) {
    double all = 0.0;
    for (std::size_t i = group.first; i < group.first + group.count; ++i)
      all += wanted[i] = std::max(1.0 - marginals_.share_up_to(i, kHalf), kLeast);
    for (std::size_t i = group.first; i < group.first + group.count; ++i) {
      wanted[i] /= all;
      lead_[i] = normal_quantile(wanted[i]);
    }
  }
  SeededRandom random(1);  // the same leads whatever is drawn afterwards
  std::vector<double> normal(kRows * lead_.size());
  for (std::size_t row = 0; row < kRows; ++row)
    draw_normal(random, std::span(normal).subspan(row * lead_.size(), lead_.size()));
  for (int step = 0; step < 60; ++step) {
    std::vector<double> found(lead_.size(), 0.0);
    for (std::size_t row = 0; row < kRows; ++row) {
      for (const WordGroup& group : groups_)
        found[word_of(group, std::span(normal).subspan(row * lead_.size(), lead_.size()))] +=
            1.0 / static_cast<double>(kRows);
    }
    for (const WordGroup& group : groups_) {
      for (std::size_t i = group.first; i < group.first + group.count; ++i)
        lead_[i] += 0.5 * (normal_quantile(std::max(wanted[i], kLeast)) -
                           normal_quantile(std::max(found[i], kLeast)));
    }
  }
}

void CopulaSampler::draw_normal(RandomSource& random, std::span<double> normal) const {
  const std::size_t n = lead_.size();
  std::vector<double> drawn(n);
  for (double& value : drawn) value = random.normal();
  for (std::size_t i = 0; i < n; ++i) {
    normal[i] = std::inner_product(drawn.begin(), drawn.end(),
                                   factors_.begin() + static_cast<std::ptrdiff_t>(i * n), 0.0);
  }
}

std::size_t CopulaSampler::word_of(const WordGroup& group, std::span<const double> normal) const {
  std::size_t best = group.first;
  for (std::size_t i = group.first; i < group.first + group.count; ++i)
    if (normal[i] + lead_[i] > normal[best] + lead_[best]) best = i;
  return best;
}

void CopulaSampler::draw(RandomSource& random, std::span<float> row) const {
  TRIB_ASSERT(row.size() == lead_.size(), "a value for each column");
  std::vector<double> normal(row.size());
  draw_normal(random, normal);
  for (std::size_t i = 0; i < row.size(); ++i)
    row[i] = static_cast<float>(marginals_.value_at(i, normal[i]));
  for (const WordGroup& group : groups_) {
    const std::size_t word = word_of(group, normal);
    for (std::size_t i = group.first; i < group.first + group.count; ++i)
      row[i] = i == word ? 1.0F : 0.0F;
  }
}

CopulaExpectation::CopulaExpectation(const CopulaMarginals& marginals,
                                     std::span<const float> products)
    : marginals_(marginals) {
  const std::size_t n = size(marginals.shape().columns);
  std::vector<double> all = score_correlations(marginals, products);
  // Columns that follow from others, as the last word of a category, would have no inverse; noise
  // may make the rest none of correlations.
  std::vector<double> values = all;
  const std::vector<double> vectors = eigenvectors(values, n);
  constexpr double kLeast = 0.05;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0.0;
      for (std::size_t k = 0; k < n; ++k)
        sum += vectors[i * n + k] * std::max(values[k * n + k], kLeast) * vectors[j * n + k];
      all[i * n + j] = sum;
    }
  }
  precision_ = inverse(std::move(all), n);
}

// Of normal numbers with precision P: E(x_i | the others) = x_i - (P x)_i / P_ii.
void CopulaExpectation::of(std::span<const float> row, std::span<float> expected) const {
  const std::size_t n = row.size();
  std::vector<double> scores(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double score = marginals_.score(i, marginals_.bin_of(static_cast<double>(row[i])));
    scores[i] = (score - marginals_.mean(i)) / std::max(marginals_.deviation(i), 1e-9);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double sum = std::inner_product(
        scores.begin(), scores.end(), precision_.begin() + static_cast<std::ptrdiff_t>(i * n), 0.0);
    const double score = scores[i] - sum / precision_[i * n + i];
    const double normal = marginals_.mean(i) + marginals_.deviation(i) * score;
    expected[i] = static_cast<float>(marginals_.value_at(i, normal));
  }
}

}  // namespace tributary
